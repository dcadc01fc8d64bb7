"""Commands for people: `python -m commands.<name> --help`."""

import sys
from pathlib import Path

# The product is in a layer and not installed; this lets commands import it from any checkout without settings.
sys.path.append(str(Path(__file__).parents[1] / "layers" / "vitrine"))
