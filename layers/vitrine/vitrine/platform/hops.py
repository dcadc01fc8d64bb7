"""A function that hands work on to itself counts how often.

AWS stops a function that calls itself by way of a queue after some 16 rounds. Work that takes longer is allowed more
(`RecursiveLoop: Allow` in the template), and ends at a limit of our own instead.
"""

from __future__ import annotations

MOST_HOPS = 1000
"""Days of work where each round uses its time; seconds where a fault lets a round do nothing."""


class TooManyHops(Exception):
    """The work was handed on so often that something must be wrong. Its message goes to the failure queue."""


def next_hop(hops: int) -> int:
    """The count of work that is handed on by work of this count. Raises TooManyHops."""
    if hops >= MOST_HOPS:
        raise TooManyHops(f"handed on {hops} times")
    return hops + 1
