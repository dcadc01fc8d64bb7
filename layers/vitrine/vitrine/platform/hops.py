"""A count of how often a function has handed work on to itself.

AWS stops a function that calls itself through a queue after about 16 rounds. Functions with longer work may go on
(`RecursiveLoop: Allow` in the template), up to a limit of our own.
"""

from __future__ import annotations

MOST_HOPS = 1000
"""Days of work if each round uses its time; seconds if a bug lets rounds do nothing."""


class TooManyHops(Exception):
    """The work was handed on so often that there must be a bug. Its message goes to the failure queue."""


def next_hop(hops: int) -> int:
    """The count for work handed on by work with the count `hops`. Raises TooManyHops."""
    if hops >= MOST_HOPS:
        raise TooManyHops(f"handed on {hops} times")
    return hops + 1
