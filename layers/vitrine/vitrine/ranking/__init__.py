"""The order of images: policies, ranking versions, estimates and experiments."""
