"""Views and clicks, each counted once."""
