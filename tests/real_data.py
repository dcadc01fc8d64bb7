"""Real pictures, stores and purchases for tests: small samples, or larger ones in the folder VITRINE_DATA."""

from __future__ import annotations

import os
from pathlib import Path

SAMPLES = Path(__file__).parent / "data"
DATA = Path(os.environ.get("VITRINE_DATA") or SAMPLES).resolve()
