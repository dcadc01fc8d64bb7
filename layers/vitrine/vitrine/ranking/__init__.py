"""How images earn their place: policies, their versions, estimates and experiments."""
