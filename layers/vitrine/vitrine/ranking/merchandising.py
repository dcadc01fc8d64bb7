"""Merchandising rules: a merchant's campaigns move images up or down, on top of any policy. Pure.

An image that a rule boosts comes before all others, one that a rule buries after them; among themselves they keep the
policy's order. Pinned images keep their positions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from datetime import datetime

Action = Literal["boost", "bury"]


class Rule(NamedTuple):
    """Boosts or buries images that have a tag or show a product, from `starts_at` until just before `ends_at`.

    Exactly one of `tag` and `product_id` is set. None for a time means no limit.
    """

    action: Action
    tag: str | None = None
    product_id: str | None = None
    starts_at: datetime | None = None
    ends_at: datetime | None = None

    def is_active(self, now: datetime) -> bool:
        """Return whether the rule applies at this moment."""
        return (self.starts_at is None or self.starts_at <= now) and (self.ends_at is None or now < self.ends_at)

    def matches(self, tags: Collection[str], product_ids: Collection[str]) -> bool:
        """Return whether the rule applies to an image with these tags and products."""
        return self.tag in tags if self.tag is not None else self.product_id in product_ids

    @property
    def target(self) -> str:
        """What the rule selects, in words."""
        return f"tag {self.tag}" if self.tag is not None else f"product {self.product_id}"


def active_rules(rules: Iterable[Rule], now: datetime) -> tuple[Rule, ...]:
    """Return the rules that apply at this moment, without their times, so that equal orders have equal rules."""
    return tuple(rule._replace(starts_at=None, ends_at=None) for rule in rules if rule.is_active(now))


def first_match(rules: Iterable[Rule], tags: Collection[str], product_ids: Collection[str]) -> Rule | None:
    """Return the first rule that matches an image, which decides about it; None if no rule matches."""
    return next((rule for rule in rules if rule.matches(tags, product_ids)), None)


def changes_after(rules: Iterable[Rule], now: datetime) -> list[datetime]:
    """Return the later moments at which a rule starts or ends, in order."""
    moments = {moment for rule in rules for moment in (rule.starts_at, rule.ends_at) if moment and moment > now}
    return sorted(moments)
