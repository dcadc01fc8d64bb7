"""Bring galleries and images of release 0.1.0 into the form that this release reads; the other data it reads as it is.

Run it right after the update: until a gallery's turn has come, requests to it are answered 503. It may be stopped and
started again, and a second run changes nothing. Works where `AWS_ENDPOINT_URL` and the credentials point to.
"""

from __future__ import annotations

import argparse
import os
import sys
from typing import TYPE_CHECKING

from commands import merchant_data
from vitrine.galleries.dynamodb import DynamoDBGalleries
from vitrine.galleries.model import Counts, GalleryKey
from vitrine.platform.aws import client
from vitrine.platform.times import from_rfc3339, utc_now
from vitrine.ranking.model import Ranking, Version, first_version

if TYPE_CHECKING:
    from collections.abc import Callable

_TOGETHER = 100


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    options = _parser().parse_args(arguments)
    if options.stack:
        merchant_data.use_stack(options.stack)
    migrated = migrate(lambda line: print(line, flush=True))
    print(f"{migrated:,} galleries migrated")
    return 0


def migrate(tell: Callable[[str], object]) -> int:
    """Migrate every gallery that has no ranking version; returns how many there were."""
    table = os.environ["GALLERIES_TABLE"]
    repository = DynamoDBGalleries(client("dynamodb"), table, os.environ["IMAGES_TABLE"])
    migrated = 0
    earlier = "attribute_exists(policy) AND attribute_not_exists(live)"
    for item in merchant_data.scan(table, FilterExpression=earlier):
        key = GalleryKey(item["pk"]["S"], item["sk"]["S"])
        version = first_version(Ranking(item["policy"]["S"]), from_rfc3339(item["created_at"]["S"]))
        images = _score_images(repository, key, version)
        migrated += repository.adopt(key, version)
        tell(f"{key.merchant_id}/{key.gallery_id}: {images:,} images")
    return migrated


def _score_images(repository: DynamoDBGalleries, key: GalleryKey, version: Version) -> int:
    """Score images under the version; returns how many. Policies of 0.1.0 ask for nothing but totals."""
    number, after, now = 0, None, int(utc_now().timestamp())
    while page := repository.stored_images(key, _TOGETHER, after):
        unscored = {image.image_id: image for image in page if image.score(version) is None}
        while unscored:
            scored = [image.scored(version, Counts(image.totals), now) for image in unscored.values()]
            unscored = dict(repository.get_images(key, repository.save_images(scored)))
        number += len(page)
        after = page[-1].image_id
    return number


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m commands.migrate", description=__doc__)
    parser.add_argument("--stack", help="the stack's name; its tables are found by it, else by the environment")
    return parser


if __name__ == "__main__":
    sys.exit(main())
