"""Recompute a gallery's order at an earlier time, from the counts recorded by the hour.

`python -m commands.ranking --stack vitrine replay my-shop summer --at 2026-11-29T12:00:00Z` prints what each policy
would have shown; the policy in force is marked with `*`, images that were pinned with `^`. Works where
`AWS_ENDPOINT_URL` and the credentials point to.
"""

from __future__ import annotations

import argparse
import sys
from datetime import datetime, timedelta

from commands import merchant_data
from vitrine.engagement.record_history import counts_before
from vitrine.engagement.wiring import history
from vitrine.galleries.model import Counts, GalleryKey
from vitrine.galleries.replay_order import ImageThen, Replay, replay_order
from vitrine.galleries.wiring import gallery_repository
from vitrine.platform.problems import ServiceError
from vitrine.platform.times import from_rfc3339, to_rfc3339, utc_now

_RECORDED_WITHIN = timedelta(minutes=15)
_WIDTH = 36


def main(arguments: list[str] | None = None, now: datetime | None = None) -> int:
    """Run the command; returns the exit status."""
    parser = _parser()
    options = parser.parse_args(arguments)
    moment: datetime = options.at.replace(minute=0, second=0, microsecond=0)
    if moment > (now or utc_now()) - _RECORDED_WITHIN:
        parser.error("--at must be an hour that ended 15 minutes ago: counts are recorded a few minutes late")
    if options.stack:
        merchant_data.use_stack(options.stack)
    key = GalleryKey(options.merchant_id, options.gallery_id)
    try:
        counts = counts_before(history(), key, moment)
        then = {ImageThen(counted.image_id, counted.incarnation): counts[counted] for counted in counts}
        _print(replay_order(gallery_repository(), key, then, moment), moment, options.images)
    except ServiceError as error:
        print(error.detail, file=sys.stderr)
        return 1
    return 0


def _print(replay: Replay, moment: datetime, most: int) -> None:
    own = replay.version.ranking.policy
    print(f"{to_rfc3339(moment)}, ranking version {replay.version.number}, {len(replay.orders[own])} images")
    print("    " + "".join(f"{name}{'*' if name == own else ''}".ljust(_WIDTH) for name in replay.orders).rstrip())
    for place, row in enumerate(zip(*replay.orders.values(), strict=True), 1):
        if place > most:
            break
        cells = []
        for image in row:
            totals = replay.counts.get(ImageThen(image.image_id, image.incarnation), Counts()).totals
            figures = f" {totals.views}/{totals.clicks}"
            pin = "" if image.pinned_position is None else "^"
            cells.append(f"{pin}{image.description.name[: _WIDTH - len(figures) - 3]}{figures}".ljust(_WIDTH))
        print(f"{place:>3} " + "".join(cells).rstrip())
    print("Beside each image: its views/clicks by then. ^ was pinned there.")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m commands.ranking", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--stack", help="the stack's name; its tables and buckets are found by it")
    commands = parser.add_subparsers(dest="command", required=True)
    replay = commands.add_parser("replay", help="print what each policy would have shown at an earlier time")
    replay.add_argument("merchant_id")
    replay.add_argument("gallery_id")
    replay.add_argument("--at", type=from_rfc3339, required=True, help="the time; minutes are left out")
    replay.add_argument("--images", type=int, default=20, help="how many images to print (20)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
