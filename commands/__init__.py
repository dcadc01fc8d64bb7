"""Commands for people: `python -m commands.<name> --help`."""
