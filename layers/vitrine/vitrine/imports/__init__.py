"""Files that bring rows in."""
