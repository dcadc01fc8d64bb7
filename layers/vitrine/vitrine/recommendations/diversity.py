"""Reorder a ranking so that products beside each other are less alike. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vitrine.catalog.model import Product
from vitrine.recommendations.model import features_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def diversified(items: Sequence[dict[str, Any]], percent: int) -> list[dict[str, Any]]:
    """Return the recommended items in an order of maximal marginal relevance (Carbonell and Goldstein 1998).

    Each place goes to the item with the highest `(1 - d)·score - d·likeness`, where `d` is the percentage, scores are
    parts of the highest one, and likeness is the share of common features with the most similar item before it, words
    of names included. With 0 the order stays; with 100 the first item stays, and scores decide only between items that
    are equally unlike.
    """
    if not percent or not items:
        return list(items)
    share = percent / 100
    highest = max(item["score"] for item in items) or 1
    features = [_features(item["product"]) for item in items]
    likeness = [0.0] * len(items)
    left = list(range(len(items)))
    ordered = []
    while left:
        best = max(left, key=lambda at: ((1 - share) * items[at]["score"] / highest - share * likeness[at], -at))
        left.remove(best)
        ordered.append(items[best])
        for at in left:
            likeness[at] = max(likeness[at], _likeness(features[best], features[at]))
    return ordered


def _features(product: Mapping[str, Any]) -> frozenset[tuple[str, str]]:
    described = {name: product[name] for name in ("name", "category", "brand", "price", "currency")}
    return frozenset(features_of(Product("", tags=tuple(product["tags"]), **described)))


def _likeness(one: frozenset[tuple[str, str]], other: frozenset[tuple[str, str]]) -> float:
    """Return the share of common features (Jaccard's index)."""
    return len(one & other) / len(one | other) if one or other else 0.0
