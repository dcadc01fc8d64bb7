"""The numbers of a shard by their stored names. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, get_args

from vitrine.engagement.model import ApartKey, ArmKey
from vitrine.galleries.model import Counts, Totals
from vitrine.ranking.decay import Kind, SumKey

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from vitrine.engagement.model import Sum

_KINDS = {kind[0]: kind for kind in get_args(Kind)}
_SUM = re.compile(rf"([{''.join(_KINDS)}])(?:(\d+)\.(\d+))?(?:@(\d+\.[01]))?")


def counts_of(shards: Iterable[Mapping[str, int]]) -> Counts:
    """Return the counts that shards with these amounts make up."""
    amounts: dict[str, int] = {}
    for shard in shards:
        for name, amount in shard.items():
            amounts[name] = amounts.get(name, 0) + amount
    recent: dict[SumKey, int] = {}
    arms: dict[str, Totals] = {}
    for name, amount in amounts.items():
        key = sum_key(name)
        if isinstance(key, SumKey):
            recent[key] = amount
        elif isinstance(key, ArmKey):
            arms[key.arm] = arms.get(key.arm, Totals())._replace(**{key.kind: amount})

    def totals(prefix: str = "") -> Totals:
        return Totals(*(amounts.get(f"{prefix}{kind}", 0) for kind in Totals._fields))

    return Counts(totals(), totals("lab_"), recent, arms, totals("suspect_"))


def sum_name(key: Sum) -> str:
    """Return the attribute of a sum: short, since a shard has one kilobyte."""
    if isinstance(key, ArmKey):
        return f"{key.kind[0]}@{key.arm}"
    if isinstance(key, SumKey):
        return f"{key.kind[0]}{key.half_life_days}.{key.epoch}" + (f"@{key.arm}" if key.arm else "")
    return f"{key.group}_{key.kind}"


def sum_key(name: str) -> Sum | None:
    """Return what `sum_name` named, or None for a counter."""
    if name in _APART:
        return _APART[name]
    parts = _SUM.fullmatch(name)
    if parts is None:
        return None
    letter, half_life, epoch, arm = parts.groups()
    kind = _KINDS[letter]
    return SumKey(kind, int(half_life), int(epoch), arm or "") if half_life else ArmKey(kind, arm)


_APART = {
    sum_name(key): key for group in ("lab", "suspect") for kind in get_args(Kind) for key in (ApartKey(group, kind),)
}
