"""Pictures in every size."""
