"""Snapshots, who judges them, and what follows from a verdict."""
