"""Build a merchant's search index anew while searching goes on.

Works on the stack that `AWS_ENDPOINT_URL` and the credentials point to, with the settings of its function
SearchRebuildFunction in the environment.
"""

from __future__ import annotations

import argparse
import sys
from functools import partial

from vitrine.galleries.wiring import gallery_store
from vitrine.search.images import read_all_pictures, read_pictures
from vitrine.search.wiring import picture_index


def main(arguments: list[str] | None = None) -> int:
    """Rebuild one merchant's index; answers the exit status."""
    parser = argparse.ArgumentParser(prog="python -m commands.search", description=__doc__)
    parser.add_argument("command", choices=["rebuild"])
    parser.add_argument("merchant_id")
    options = parser.parse_args(arguments)
    images = picture_index().rebuild(
        options.merchant_id,
        partial(read_all_pictures, gallery_store(), options.merchant_id),
        partial(read_pictures, gallery_store(), options.merchant_id),
        lambda count: print(f"\r{count} images", end="", file=sys.stderr),
    )
    print(f"\r{images} images are searched")
    return 0


if __name__ == "__main__":
    sys.exit(main())
