"""What recommendations need."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

from vitrine.recommendations.model import Weights

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from vitrine.catalog.model import Product, UserKey
    from vitrine.recommendations.model import ChosenWeights, Neighbourhood, Popular, Scored, Shortlist


class RecommendationInputs(NamedTuple):
    """All that is known for a shopper before products are looked at: one read.

    `stamp` changes with everything that makes a kept entry wrong: the model, what the shopper bought, what was
    withdrawn. `kept` is the entry that the store itself holds.
    """

    stamp: str
    model: int | None
    shortlist: Shortlist
    popular: Sequence[Scored]
    kept: bytes | None


class Model(NamedTuple):
    """The model that is read now. `slot` is where its rows lie; `weights` are those of the merchant."""

    number: int
    slot: str
    weights: Weights = Weights()


class RecommendationInputsRepository(Protocol):
    """What was prepared for shoppers."""

    def read(self, user: UserKey, category: str | None) -> RecommendationInputs:
        """A shopper's shelf: one round trip."""
        ...

    def sellable(self, user: UserKey, product_ids: Sequence[str], *, again: bool = False) -> Mapping[str, Product]:
        """Those of at most 50 products that are available and, unless `again`, not bought: one round trip."""
        ...

    def shortlist_version(self, user: UserKey) -> str | None:
        """Which candidates a shopper has, to be read before what new ones are made of; None for none."""
        ...

    def put_shortlist(self, user: UserKey, model: Model, shortlist: Shortlist, seen: str | None) -> bool:
        """Keep a shopper's candidates in place of those seen; False when others stand there."""
        ...

    def drop_shortlist(self, user: UserKey, seen: str | None) -> bool:
        """Forget the candidates seen; False when others stand there."""
        ...

    def erase(self, user: UserKey) -> None:
        """Forget a shopper's candidates, whichever stand there."""
        ...

    def bought(self, user: UserKey, product_ids: Collection[str]) -> set[str]:
        """Those that the user bought."""
        ...


class ModelRepository(Protocol):
    """Models by merchant: two slots, of which one is read."""

    def model(self, merchant_id: str) -> Model | None:
        """The model that is read now."""
        ...

    def neighbourhoods(self, merchant_id: str, model: Model, product_ids: Collection[str]) -> dict[str, Neighbourhood]:
        """What goes with these products under a model."""
        ...

    def popular(self, merchant_id: str, model: Model) -> Sequence[Popular]:
        """What many touch under a model."""
        ...

    def put_neighbourhoods(
        self, merchant_id: str, model: Model, neighbourhoods: Iterable[tuple[str, Neighbourhood]]
    ) -> None:
        """Store rows of a model that is not read yet, but over none of a later model."""
        ...

    def put_popular(self, merchant_id: str, model: Model, category: str, popular: Sequence[Popular]) -> None:
        """As above; `category` is empty for all."""
        ...

    def put_weights(self, merchant_id: str, model: Model, weights: Weights) -> None:
        """Weights that were measured for a model that is not read yet."""
        ...

    def weights(self, merchant_id: str) -> tuple[Weights, ChosenWeights]:
        """Those that count, and those that the merchant chose."""
        ...

    def set_weights(self, merchant_id: str, chosen: ChosenWeights) -> None:
        """From now on these count."""
        ...

    def publish(self, merchant_id: str, model: Model) -> None:
        """From now on read this model, unless a later run has begun."""
        ...


class ResponseCache(Protocol):
    """Finished recommendations, kept for an hour under `recommendations:user:{user_id}`."""

    def get(self, user: UserKey, inputs: RecommendationInputs) -> bytes | None:
        """The user's entry; None when there is none or the cache does not answer."""
        ...

    def put(self, user: UserKey, entry: bytes) -> None:
        """Keep an entry; nothing happens when the cache does not answer."""
        ...

    def drop(self, user: UserKey) -> None:
        """Forget the user's entry."""
        ...


class Tasks(Protocol):
    """Work that goes on after the answer."""

    def refresh(self, users: Iterable[UserKey]) -> None:
        """Prepare these shoppers' candidates anew."""
        ...

    def erase(self, user: UserKey) -> None:
        """Remove all there is of a user."""
        ...
