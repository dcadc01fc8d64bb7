"""Rebuild a merchant's search index while searching goes on, or load an agency's images.

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
from vitrine.search.images import read_all_images, read_images
from vitrine.search.read_agency import check_media_url, read_agency_image
from vitrine.search.wiring import image_index

if TYPE_CHECKING:
    from vitrine.search.model import IndexedImage

_BATCH = 99


def main(arguments: list[str] | None = None) -> int:
    """Run one command; return the exit status."""
    options = _parser().parse_args(arguments)
    if options.command == "load":
        return _load(options)
    images = image_index().rebuild(
        options.merchant_id,
        partial(read_all_images, gallery_repository(), options.merchant_id),
        partial(read_images, gallery_repository(), options.merchant_id),
        lambda count: print(f"\r{count} images", end="", file=sys.stderr),
    )
    print(f"\r{images} images indexed")
    return 0


def _load(options: argparse.Namespace) -> int:
    waiting: dict[str, dict[str, ImageDraft]] = defaultdict(dict)
    loaded = rejected = 0
    with options.file.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            try:
                read = read_agency_image(json.loads(line), options.media_url, keep_unknown=options.unknown == "keep")
            except InvalidRequest as error:
                rejected += 1
                print(
                    f"line {number}: {'; '.join(': '.join(field_error) for field_error in error.errors)}",
                    file=sys.stderr,
                )
                continue
            if read.unknown_fields:
                print(json.dumps({"id": read.image.id, **read.unknown_fields}, ensure_ascii=False))
            drafts = waiting[read.image.gallery_id]
            drafts[read.image.id] = _draft(read.image)
            if len(drafts) == _BATCH:
                loaded += _put(options.merchant_id, read.image.gallery_id, drafts)
    loaded += sum(_put(options.merchant_id, gallery_id, drafts) for gallery_id, drafts in waiting.items() if drafts)
    print(f"{loaded} images loaded, {rejected} rejected", file=sys.stderr)
    return 1 if rejected else 0


def _put(merchant_id: str, gallery_id: str, drafts: dict[str, ImageDraft]) -> int:
    key = GalleryKey(merchant_id, gallery_id)
    gallery_repository().put_gallery(new_gallery(key, utc_now()))
    results = put_images(gallery_repository(), key, list(drafts.values()), new_incarnation=new_incarnation)
    drafts.clear()
    return len(results)


def _draft(image: IndexedImage) -> ImageDraft:
    return ImageDraft(
        image.id,
        Description(
            name=image.name or image.id,
            url=image.url,
            created_at=image.created_at,
            caption=image.caption,
            alt=image.text,
            credit=" / ".join(image.credit) or None,
            width=image.width,
            height=image.height,
        ),
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m commands.search", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    rebuild = commands.add_parser("rebuild", help="rebuild the index from the tables")
    load = commands.add_parser(
        "load", help="load an agency's images into galleries from a file with a JSON object per line"
    )
    for command in (rebuild, load):
        command.add_argument("merchant_id")
    load.add_argument("file", type=Path)
    load.add_argument("--media-url", type=check_media_url, required=True, help="https://host/{db}/{id:0>10}/s.jpg")
    load.add_argument(
        "--unknown",
        choices=["reject", "keep"],
        default="reject",
        help="reject records with unknown fields, or load them and print those fields",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
