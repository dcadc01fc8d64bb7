"""The form of ids that clients choose."""

from __future__ import annotations

import re

LONGEST_ID = 128
ID_PATTERN = r"^[A-Za-z0-9._~:-]{1,128}$"
ID_RULE = "must be 1 to 128 letters, digits or . _ ~ : -"

_ID = re.compile(ID_PATTERN)


def is_id(text: str) -> bool:
    """Whether the text has the form of ids."""
    return _ID.fullmatch(text) is not None
