"""Rank products by the features that they share with others, without a model."""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING

from vitrine.recommendations.model import BECAUSE, Scored, by_score, features_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from vitrine.catalog.model import Product

_HALF_LIFE = 5


def with_shared_features(
    ranked: Sequence[Scored], own: Sequence[Product], products: Mapping[str, Product]
) -> list[Scored]:
    """Return those ranked products that are among `products`, with more score for what they share with `own`.

    A shared feature adds the logarithm of how rare it is among all these products; `own` is newest first, and each
    counts half as much as the one five places before it.
    """
    described = {product.product_id: set(features_of(product)) for product in (*products.values(), *own)}
    carriers = Counter(feature for features in described.values() for feature in features)
    rarity = {feature: math.log(len(described) / count) for feature, count in carriers.items()}

    def scored(before: Scored) -> Scored:
        features = described[before.product_id]
        evidence = {
            product.product_id: 0.5 ** (place / _HALF_LIFE)
            * sum(rarity[feature] for feature in sorted(features & described[product.product_id]))
            for place, product in enumerate(own)
            if product.product_id != before.product_id
        }
        because = sorted((key for key in evidence if evidence[key] > 0), key=lambda key: (-evidence[key], key))
        if not because:
            return before
        return Scored(before.product_id, before.score + sum(evidence.values()), "content", tuple(because[:BECAUSE]))

    return by_score(scored(each) for each in ranked if each.product_id in products)
