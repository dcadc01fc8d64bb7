"""Renditions: copies of merchants' pictures in every size and format."""
