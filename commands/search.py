"""Rebuild a merchant's search index while it is in use, or load an agency's pictures.

Works on the stack that `AWS_ENDPOINT_URL` and the credentials point to; the environment must have the settings of its
function SearchRebuildFunction.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import defaultdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from vitrine.galleries.model import Description, GalleryKey, new_gallery
from vitrine.galleries.put_images import ImageDraft, put_images
from vitrine.galleries.wiring import gallery_repository, new_incarnation
from vitrine.platform.problems import InvalidRequest
from vitrine.platform.times import utc_now
from vitrine.search.images import read_all_pictures, read_pictures
from vitrine.search.read_agency import check_media_url, read_agency_picture
from vitrine.search.wiring import picture_index

if TYPE_CHECKING:
    from vitrine.search.model import IndexedImage

_TOGETHER = 99


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit status."""
    options = _parser().parse_args(arguments)
    if options.command == "load":
        return _load(options)
    images = picture_index().rebuild(
        options.merchant_id,
        partial(read_all_pictures, gallery_repository(), options.merchant_id),
        partial(read_pictures, gallery_repository(), options.merchant_id),
        lambda count: print(f"\r{count} images", end="", file=sys.stderr),
    )
    print(f"\r{images} images are in the index")
    return 0


def _load(options: argparse.Namespace) -> int:
    waiting: dict[str, dict[str, ImageDraft]] = defaultdict(dict)
    loaded = refused = 0
    with options.file.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            try:
                read = read_agency_picture(json.loads(line), options.media_url, keep_unknown=options.unknown == "keep")
            except InvalidRequest as error:
                refused += 1
                print(f"line {number}: {'; '.join(': '.join(rule) for rule in error.errors)}", file=sys.stderr)
                continue
            if read.kept_aside:
                print(json.dumps({"id": read.picture.id, **read.kept_aside}, ensure_ascii=False))
            drafts = waiting[read.picture.gallery_id]
            drafts[read.picture.id] = _draft(read.picture)
            if len(drafts) == _TOGETHER:
                loaded += _put(options.merchant_id, read.picture.gallery_id, drafts)
    loaded += sum(_put(options.merchant_id, gallery_id, drafts) for gallery_id, drafts in waiting.items() if drafts)
    print(f"{loaded} pictures are loaded, {refused} refused", file=sys.stderr)
    return 1 if refused else 0


def _put(merchant_id: str, gallery_id: str, drafts: dict[str, ImageDraft]) -> int:
    key = GalleryKey(merchant_id, gallery_id)
    gallery_repository().put_gallery(new_gallery(key, utc_now()))
    done = put_images(gallery_repository(), key, list(drafts.values()), new_incarnation=new_incarnation)
    drafts.clear()
    return len(done)


def _draft(picture: IndexedImage) -> ImageDraft:
    return ImageDraft(
        picture.id,
        Description(
            name=picture.name or picture.id,
            url=picture.url,
            created_at=picture.created_at,
            caption=picture.caption,
            alt=picture.text,
            credit=" / ".join(picture.credit) or None,
            width=picture.width,
            height=picture.height,
        ),
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m commands.search", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    rebuild = commands.add_parser("rebuild", help="rebuild the index from the tables")
    load = commands.add_parser("load", help="load an agency's pictures, one JSON object a line, into galleries")
    for command in (rebuild, load):
        command.add_argument("merchant_id")
    load.add_argument("file", type=Path)
    load.add_argument("--media-url", type=check_media_url, required=True, help="https://host/{db}/{id:0>10}/s.jpg")
    load.add_argument(
        "--unknown",
        choices=["reject", "keep"],
        default="reject",
        help="records with unknown fields: refuse them, or load them and print those fields",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
