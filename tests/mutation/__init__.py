"""Breaks guards one at a time and says which breaks no test notices (`make mutants`)."""
