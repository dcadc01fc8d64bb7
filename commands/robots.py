"""Write `engagement/robots.json` from the installed `crawler-user-agents`."""

from __future__ import annotations

import json
import re
from pathlib import Path

import crawleruseragents

ROBOTS_FILE = Path(__file__).parents[1] / "layers/vitrine/vitrine/engagement/robots.json"
_LET_THROUGH = {"http-library", "browser-automation"}
_ESCAPED = re.compile(r"\\([^A-Za-z0-9])")
_SPECIAL = re.compile(r"[\\^$.*+?\[\](){}|]")


def robots_document() -> str:
    """The file's content: literal texts, and regular expressions for the other patterns."""
    texts, patterns = [], []
    for crawler in crawleruseragents.CRAWLER_USER_AGENTS_DATA:
        if _LET_THROUGH & set(crawler.get("tags", [])):
            continue
        pattern = crawler["pattern"]
        if _SPECIAL.search(_ESCAPED.sub("", pattern)):
            patterns.append(pattern)
        else:
            texts.append(_ESCAPED.sub(r"\1", pattern))
    return json.dumps({"texts": texts, "patterns": patterns}, indent=0, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    ROBOTS_FILE.write_text(robots_document())
    print(f"wrote {ROBOTS_FILE}")
