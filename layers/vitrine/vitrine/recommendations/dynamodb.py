"""Models, shortlists, cached responses and builds in one table.

| pk | sk | |
|---|---|---|
| `{merchant_id}` | `state` | the published model (`model`, `slot`) and its sources; the measured weights and \
profile by slot; the merchant's weights; the latest build (`run`), its finished parts and sources; the number of \
changed interactions (`arrived`), now and before the latest build; `withdrawals`, raised when products or pictures \
are withdrawn, and `withdrawn_at` |
| `{merchant_id}` | `recent` | the shop's newest touches, with users as numbers, and their version |
| `{merchant_id}/p/{slot}/{product_id}` | `near` | a product's neighbourhood |
| `{merchant_id}/t/{slot}` | `all` | popular products with their features |
| `{merchant_id}/t/{slot}` | `top/{category}` | popular products of a category, or (empty) of all |
| `{merchant_id}/u/{user_id}` | `shortlist` | a shopper's shortlist |
| `{merchant_id}/u/{user_id}` | `recommendations:user:{user_id}` | cached responses; expires |

Rows name their model, so rows that another model left in a slot are ignored.
"""

from __future__ import annotations

import json
import time
import zlib
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, Any, cast
from uuid import uuid4

from vitrine.catalog.items import bought_key, product_key, product_of, user_key
from vitrine.platform.dynamodb import ConditionFailed, OnTable, batch_get, find_item, get_together, translated
from vitrine.platform.problems import Unavailable
from vitrine.platform.retries import retry
from vitrine.platform.threads import run_all
from vitrine.recommendations.model import (
    STRATEGIES,
    Bought,
    ChosenWeights,
    Feature,
    Measured,
    Neighbour,
    Neighbourhood,
    Popular,
    Profile,
    Repeats,
    RepeatsIn,
    Scored,
    Shortlist,
    Weights,
    by_score,
    prior,
)
from vitrine.recommendations.model_files import category_key
from vitrine.recommendations.ports import (
    RESPONSE_SECONDS,
    Arrivals,
    InEffect,
    LaterBuild,
    Model,
    ModelBuild,
    PublishedModel,
    RecommendationInputs,
    Source,
    StaleRecent,
    StaleShortlist,
)
from vitrine.recommendations.recent import RecentTouch, counts_since, touched_by

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from mypy_boto3_dynamodb import DynamoDBClient

    from vitrine.catalog.model import Product, UserKey
    from vitrine.platform.dynamodb import Item
    from vitrine.recommendations.model import Repeat
    from vitrine.recommendations.ports import WorkItem

_SLOTS = ("a", "b")
_LARGEST_RESPONSE_BYTES = 350_000
_TOP = 50
_WITHDRAWAL_SECONDS = 60
_PARALLEL_WRITES = 16


class DynamoDBModels(OnTable):
    """ModelRepository and Withdrawals on DynamoDB."""

    def __init__(self, client: DynamoDBClient, table: str) -> None:
        super().__init__(client, table)
        self._popular: dict[str, tuple[Model, Sequence[Popular]]] = {}

    def model(self, merchant_id: str) -> Model | None:
        state = _read_state(self._client, self._table, merchant_id)
        return _model(state, _measured(state))

    def neighbourhoods(self, merchant_id: str, model: Model, product_ids: Collection[str]) -> dict[str, Neighbourhood]:
        keys = [_neighbourhood_key(merchant_id, model.slot, product_id) for product_id in product_ids]
        neighbourhoods = {}
        for item in batch_get(self._client, self._table, keys):
            if _is_of(item, model):
                content = _unpacked(item)
                neighbourhoods[item["pk"]["S"].rsplit("/", 1)[1]] = Neighbourhood(
                    [Neighbour(*neighbour) for neighbour in content["collaborative"]],
                    [Neighbour(*neighbour) for neighbour in content["content"]],
                    frozenset(content["tokens"]),
                )
        return neighbourhoods

    def popular(self, merchant_id: str, model: Model) -> Sequence[Popular]:
        cached_model, popular = self._popular.get(merchant_id, (None, ()))
        if cached_model != model:
            item = find_item(self._client, self._table, _top_key(merchant_id, model.slot, "all")) or {}
            if not _is_of(item, model):
                return ()
            content = _unpacked(item)
            features = {int(token): Feature(*feature) for token, feature in content["features"].items()}
            popular = [
                Popular(product_id, users, {token: features[token] for token in tokens})
                for product_id, users, tokens in content["products"]
            ]
            self._popular[merchant_id] = (model, popular)
        return popular

    def put_neighbourhoods(
        self, merchant_id: str, model: Model, neighbourhoods: Iterable[tuple[str, Neighbourhood]]
    ) -> None:
        rows = (
            self._row(
                _neighbourhood_key(merchant_id, model.slot, product_id),
                model,
                {
                    "collaborative": neighbourhood.collaborative,
                    "content": neighbourhood.content,
                    "tokens": sorted(neighbourhood.tokens),
                },
            )
            for product_id, neighbourhood in neighbourhoods
        )
        with ThreadPoolExecutor(_PARALLEL_WRITES) as pool:
            run_all(pool, self._put_row, rows)

    def put_popular(self, merchant_id: str, model: Model, category: str, popular: Sequence[Popular]) -> None:
        top = [(product.product_id, product.users) for product in popular[:_TOP]]
        rows = [self._row(_top_key(merchant_id, model.slot, f"top/{category}"), model, top)]
        if not category:
            whole = {
                "products": [(product.product_id, product.users, sorted(product.tokens)) for product in popular],
                "features": {token: feature for product in popular for token, feature in product.tokens.items()},
            }
            rows.append(self._row(_top_key(merchant_id, model.slot, "all"), model, whole))
        for row in rows:
            self._put_row(row)

    def publish(self, merchant_id: str, model: Model) -> None:
        with suppress(ConditionFailed):
            self._update_item(
                _key(merchant_id, "state"),
                UpdateExpression="SET model = :number, slot = :slot, published_at = :now,"
                " model_sources = if_not_exists(sources, :none)",
                ConditionExpression="#run = :number",
                ExpressionAttributeNames={"#run": "run"},
                ExpressionAttributeValues={
                    ":number": {"N": str(model.number)},
                    ":slot": {"S": model.slot},
                    ":now": _now(),
                    ":none": {"M": {}},
                },
            )

    def put_measured(self, merchant_id: str, model: Model, measured: Measured) -> None:
        weights, profile, repeats, half_life_days = measured
        numbers = [model.number, weights.collaborative, weights.content, profile.half_life, profile.length]
        values = [*({"N": str(number)} for number in numbers), {"S": json.dumps(repeats)}, {"N": str(half_life_days)}]
        with suppress(ConditionFailed):
            self._update_item(
                _key(merchant_id, "state"),
                UpdateExpression="SET #measured = :measured",
                ConditionExpression="attribute_not_exists(#measured) OR #measured[0] <= :number",
                ExpressionAttributeNames={"#measured": f"measured_{model.slot}"},
                ExpressionAttributeValues={
                    ":measured": {"L": values},
                    ":number": {"N": str(model.number)},
                },
            )

    def in_effect(self, merchant_id: str) -> InEffect:
        state = _read_state(self._client, self._table, merchant_id)
        chosen, measured = _chosen(state), _measured(state)
        return InEffect(chosen.over(measured.weights), _repeat(chosen, measured.repeats, None), chosen, measured)

    def set_weights(self, merchant_id: str, chosen: ChosenWeights) -> None:
        values: Item = {
            name: {"N": str(value)}
            for name, value in (("collaborative", chosen.collaborative), ("content", chosen.content))
            if value is not None
        }
        if chosen.repeat:
            values["repeat"] = {"S": chosen.repeat}
        if chosen.categories:
            values["categories"] = {"M": {category: {"S": repeat} for category, repeat in chosen.categories.items()}}
        self._update_item(
            _key(merchant_id, "state"),
            UpdateExpression="SET chosen = :chosen",
            ExpressionAttributeValues={":chosen": {"M": values}},
        )

    def note(self, merchant_id: str) -> None:
        """Make the merchant's cached responses stale: they may show withdrawn products or pictures."""
        self._update_item(
            _key(merchant_id, "state"),
            UpdateExpression="ADD withdrawals :one SET withdrawn_at = :now",
            ExpressionAttributeValues={":one": {"N": "1"}, ":now": _now()},
        )

    def _row(self, key: Item, model: Model, content: Any) -> Item:
        return {**key, "model": {"N": str(model.number)}, "content": _packed(content)}

    def _put_row(self, row: Item) -> None:
        """Write a row, unless it is of a later model: that build writes into the same slot."""
        with suppress(ConditionFailed):
            self._put_item(
                row,
                ConditionExpression="attribute_not_exists(model) OR model <= :model",
                ExpressionAttributeValues={":model": row["model"]},
            )


class DynamoDBRecommendationInputs(OnTable):
    """RecommendationInputsRepository on DynamoDB."""

    def __init__(self, client: DynamoDBClient, table: str, products_table: str, interactions_table: str) -> None:
        super().__init__(client, table)
        self._products = products_table
        self._interactions = interactions_table

    def read(self, user: UserKey, category: str | None) -> RecommendationInputs:
        keys = {
            "state": _key(user.merchant_id, "state"),
            "recent": _recent_key(user.merchant_id),
            "shortlist": _user_key(user, "shortlist"),
            "response": _response_key(user),
            **{slot: _top_key(user.merchant_id, slot, f"top/{category_key(category)}") for slot in _SLOTS},
        }
        items, revision = self._read(user, keys, consistent=False)
        measured = _measured(items["state"])
        model = _model(items["state"], measured)
        if model and category is None and not _is_of(items[model.slot], model):
            # This replica does not have the whole model yet.
            items, revision = self._read(user, keys, consistent=True)
            measured = _measured(items["state"])
            model = _model(items["state"], measured)
        tops = {item["model"]["N"]: item for item in (items[slot] for slot in _SLOTS) if item}
        published = str(model.number) if model else ""
        shown = items["shortlist"].get("model", {}).get("N", published)
        if shown != published and shown not in tops:
            items["shortlist"], shown = {}, published
        version, recent = _recent(items["recent"])
        popular: dict[str, float] = dict(_unpacked(tops[shown])) if shown in tops else {}
        for product_id, users in counts_since(recent, int(shown) / 1000 if shown else 0).items():
            if product_id in popular or category is None or not shown:
                popular[product_id] = popular.get(product_id, 0.0) + users
        repeats = measured.repeats
        response = items["response"]
        is_fresh = bool(response) and int(response["expires_at"]["N"]) > time.time()
        stamps = [
            model.number if model else 0,
            items["state"].get("withdrawals", {}).get("N", "0"),
            revision,
            shown,
            items["shortlist"].get("revision", {}).get("S", ""),
            version.bit_length(),  # new touches make cached responses stale whenever they doubled
        ]
        return RecommendationInputs(
            stamp="/".join(map(str, stamps)),
            model=int(shown) if model else None,
            shortlist=partial(_shortlist, items["shortlist"]),
            popular=by_score(Scored(product_id, prior(users), "popular", ()) for product_id, users in popular.items()),
            touched=touched_by(recent, user.user_id),
            cached=zlib.decompress(response["content"]["B"]) if is_fresh else None,
            withdrawing=time.time() - float(items["state"].get("withdrawn_at", {}).get("N", "0")) < _WITHDRAWAL_SECONDS,
            repeat=_repeat(_chosen(items["state"]), repeats, category),
            rhythm=repeats.rhythm if repeats else 0.0,
            lag=max(0.0, model.number / 1000 - repeats.newest) if model and repeats else 0.0,
        )

    def sellable(
        self, user: UserKey, product_ids: Sequence[str], *, include_bought: bool = False
    ) -> Mapping[str, Product]:
        if not product_ids:
            return {}
        wanted = {self._products: [product_key(user.merchant_id, product_id) for product_id in product_ids]}
        if not include_bought:
            wanted[self._interactions] = [bought_key(user, product_id) for product_id in product_ids]
        response = get_together(self._client, wanted, consistent=True)
        purchases = response.get(self._interactions, ())
        bought = {item["sk"]["S"].removeprefix("b/") for item in purchases if "purchases" in item}
        products = map(product_of, response[self._products])
        return {
            product.product_id: product
            for product in products
            if product.available and product.product_id not in bought
        }

    def shortlist_version(self, user: UserKey) -> str | None:
        with translated():
            response = self._client.get_item(
                TableName=self._table,
                Key=_user_key(user, "shortlist"),
                ConsistentRead=True,
                ProjectionExpression="version",
            )
        return cast("Item", response["Item"])["version"]["S"] if "Item" in response else None

    def put_shortlist(self, user: UserKey, model: Model, shortlist: Shortlist, version: str | None) -> None:
        packed = _packed({**shortlist.ranked, "bought": sorted(shortlist.bought), "again": shortlist.again})
        item: Any = {
            **_user_key(user, "shortlist"),
            "model": {"N": str(model.number)},
            "version": {"S": uuid4().hex},
            "revision": {"S": f"{zlib.crc32(packed['B']):08x}"},
            "content": packed,
        }
        with _stale_shortlist():
            self._put_item(item, **_has_version(version))

    def drop_shortlist(self, user: UserKey, version: str | None) -> None:
        if version is None:
            return
        with _stale_shortlist():
            self._delete_item(_user_key(user, "shortlist"), **_has_version(version))

    def erase(self, user: UserKey) -> None:
        self._delete_item(_user_key(user, "shortlist"))

    def bought(self, user: UserKey, product_ids: Collection[str]) -> set[str]:
        keys = [bought_key(user, product_id) for product_id in sorted(product_ids)]
        items = batch_get(self._client, self._interactions, keys)
        return {item["sk"]["S"].removeprefix("b/") for item in items if "purchases" in item}

    def _read(self, user: UserKey, keys: Mapping[str, Item], *, consistent: bool) -> tuple[dict[str, Item], str]:
        wanted = {self._table: list(keys.values()), self._interactions: [user_key(user)]}
        response = get_together(self._client, wanted, consistent=consistent)
        by_key = {(item["pk"]["S"], item["sk"]["S"]): item for item in response[self._table]}
        items = {name: by_key.get((key["pk"]["S"], key["sk"]["S"]), {}) for name, key in keys.items()}
        revision = next((item["revision"]["N"] for item in response[self._interactions] if "revision" in item), "0")
        return items, revision


class DynamoDBRecent(OnTable):
    """RecentRepository on DynamoDB."""

    def find(self, merchant_id: str) -> tuple[int, Sequence[RecentTouch]]:
        return _recent(self._find(_recent_key(merchant_id)) or {})

    def put(self, merchant_id: str, touches: Sequence[RecentTouch], version: int) -> None:
        by_user: dict[int, list[Sequence[Any]]] = {}
        for touch in touches:
            by_user.setdefault(touch.user, []).append(touch[1:])
        try:
            self._put_item(
                {
                    **_recent_key(merchant_id),
                    "version": {"N": str(version + 1)},
                    "content": _packed(list(by_user.items())),
                },
                ConditionExpression="version = :version" if version else "attribute_not_exists(pk)",
                **({"ExpressionAttributeValues": {":version": {"N": str(version)}}} if version else {}),
            )
        except ConditionFailed as error:
            raise StaleRecent from error

    def drop(self, merchant_id: str) -> None:
        self._delete_item(_recent_key(merchant_id))


class TableCache(OnTable):
    """ResponseCache in the table: reading the inputs returns the cached response too."""

    def get(self, user: UserKey, inputs: RecommendationInputs) -> bytes | None:
        del user
        return inputs.cached

    def put(self, user: UserKey, response: bytes) -> None:
        content = zlib.compress(response, 1)
        if len(content) > _LARGEST_RESPONSE_BYTES:
            return
        item: Any = {
            **_response_key(user),
            "content": {"B": content},
            "expires_at": {"N": str(int(time.time()) + RESPONSE_SECONDS)},
        }
        with suppress(Unavailable):
            self._put_item(item)

    def drop(self, user: UserKey) -> None:
        self._delete_item(_response_key(user))


class DynamoDBBuilds(OnTable):
    """BuildRepository on DynamoDB, in the item that names the published slot: no build writes into that slot."""

    def start(
        self, merchant_id: str, earliest: int, *, if_changed: bool = False, after: int | None = None
    ) -> ModelBuild:
        def attempt() -> ModelBuild:
            state = _read_state(self._client, self._table, merchant_id)
            published = _model(state, _measured(state))
            last = int(state["run"]["N"]) if "run" in state else 0
            if after not in {None, last}:
                raise LaterBuild
            started = self._update(
                merchant_id,
                "SET #run = :build, run_slot = :slot, run_status = :status, run_moved_at = :now,"
                " run_if_changed = :if_changed, sources = :none, arrived_before = if_not_exists(arrived, :zero)"
                " REMOVE done",
                "(attribute_not_exists(#run) OR #run = :last) AND (attribute_not_exists(slot) OR slot <> :slot)",
                {
                    ":build": {"N": str(max(earliest, last + 1))},
                    ":last": {"N": str(last)},
                    ":slot": {"S": "b" if published and published.slot == "a" else "a"},
                    ":status": {"S": "running"},
                    ":now": _now(),
                    ":if_changed": {"BOOL": if_changed},
                    ":none": {"M": {}},
                    ":zero": {"N": "0"},
                },
            )
            return _build(started)

        return retry(attempt, on=ConditionFailed, refusal="Others are starting builds of the same model.")

    def find(self, merchant_id: str) -> ModelBuild | None:
        state = _read_state(self._client, self._table, merchant_id)
        return _build(state) if "run" in state else None

    def finish_part(self, item: WorkItem, source: Source | None = None) -> ModelBuild | None:
        update = "SET run_moved_at = :now"
        names = {}
        values: Item = {
            ":part": {"SS": [f"{item.step}/{item.part}"]},
            ":build": {"N": str(item.build)},
            ":now": _now(),
        }
        if source:
            update += ", sources.#part = :source"
            names["#part"] = item.part
            values[":source"] = {"L": [{"N": str(source.rows)}, {"S": source.digest}]}
        try:
            return _build(self._update(item.merchant_id, f"{update} ADD done :part", "#run = :build", values, names))
        except ConditionFailed:
            return None

    def count_changes(self, merchant_id: str, changes: int) -> Arrivals:
        response = self._update_item(
            _key(merchant_id, "state"),
            UpdateExpression="ADD arrived :changes",
            ExpressionAttributeValues={":changes": {"N": str(changes)}},
            ReturnValues="ALL_NEW",
        )
        state = cast("Item", response["Attributes"])
        before = int(state.get("arrived_before", {}).get("N", "0"))
        return Arrivals(_build(state) if "run" in state else None, int(state["arrived"]["N"]) - before)

    def end(self, merchant_id: str, number: int, status: str) -> None:
        with suppress(ConditionFailed):
            self._update(
                merchant_id,
                "SET run_status = :status, run_moved_at = :now",
                "#run = :build",
                {":status": {"S": status}, ":build": {"N": str(number)}, ":now": _now()},
            )

    def _update(
        self, merchant_id: str, update: str, condition: str, values: Item, names: Mapping[str, str] | None = None
    ) -> Item:
        response = self._update_item(
            _key(merchant_id, "state"),
            UpdateExpression=update,
            ConditionExpression=condition,
            ExpressionAttributeNames={"#run": "run", **(names or {})},
            ExpressionAttributeValues=values,
            ReturnValues="ALL_NEW",
        )
        return cast("Item", response["Attributes"])


def _response_key(user: UserKey) -> Item:
    return _user_key(user, f"recommendations:user:{user.user_id}")


def _read_state(client: DynamoDBClient, table: str, merchant_id: str) -> Item:
    return find_item(client, table, _key(merchant_id, "state")) or {}


def _key(merchant_id: str, name: str) -> Item:
    return {"pk": {"S": merchant_id}, "sk": {"S": name}}


def _recent_key(merchant_id: str) -> Item:
    return _key(merchant_id, "recent")


def _recent(item: Item) -> tuple[int, list[RecentTouch]]:
    if not item:
        return 0, []
    touches = [RecentTouch(user, *touch) for user, touches in _unpacked(item) for touch in touches]
    return int(item["version"]["N"]), sorted(touches, key=lambda touch: (-touch.at, touch.user, touch.product_id))


def _user_key(user: UserKey, name: str) -> Item:
    return _key(f"{user.merchant_id}/u/{user.user_id}", name)


def _neighbourhood_key(merchant_id: str, slot: str, product_id: str) -> Item:
    return _key(f"{merchant_id}/p/{slot}/{product_id}", "near")


def _top_key(merchant_id: str, slot: str, name: str) -> Item:
    return _key(f"{merchant_id}/t/{slot}", name)


def _model(state: Item, measured: Measured) -> Model | None:
    if "model" not in state:
        return None
    weights = _chosen(state).over(measured.weights)
    return Model(int(state["model"]["N"]), state["slot"]["S"], weights, measured.profile)


def _measured(state: Item) -> Measured:
    """Return what was measured for the published model."""
    values = state.get(f"measured_{state['slot']['S']}", {}).get("L", []) if "model" in state else []
    if not values or int(values[0]["N"]) != int(state["model"]["N"]):
        return Measured()
    _, collaborative, content, half_life, length = (value["N"] for value in values[:5])
    repeats = json.loads(values[5]["S"]) if len(values) > 5 else None  # noqa: PLR2004 - models of older versions
    measured = Measured(
        Weights(float(collaborative), float(content)),
        Profile(int(half_life), int(length)),
        _repeats(*repeats) if repeats else None,
    )
    later = values[6:]
    return measured._replace(popularity_half_life_days=int(later[0]["N"])) if later else measured


def _repeats(shop: Sequence[Any], categories: Mapping[str, Sequence[Any]], rhythm: float, newest: float) -> Repeats:
    by_category = {category: RepeatsIn(*measured) for category, measured in categories.items()}
    return Repeats(RepeatsIn(*shop), by_category, rhythm, newest)


def _repeat(chosen: ChosenWeights, measured: Repeats | None, category: str | None) -> Repeat:
    """Return how to treat repeats in a category (in folded case), or in all of the shop."""
    if category is not None and category in chosen.categories:
        return chosen.categories[category]
    if chosen.repeat or not measured:
        return chosen.repeat or "exclude"
    return measured.categories.get(category_key(category), measured.shop).best


def _chosen(state: Item) -> ChosenWeights:
    values = state.get("chosen", {}).get("M", {})
    weights = {name: float(values[name]["N"]) for name in ("collaborative", "content") if name in values}
    categories = {category: repeat["S"] for category, repeat in values.get("categories", {}).get("M", {}).items()}
    return ChosenWeights(
        **weights, repeat=cast("Repeat | None", values.get("repeat", {}).get("S")), categories=categories
    )


def _has_version(version: str | None) -> dict[str, Any]:
    if version is None:
        return {"ConditionExpression": "attribute_not_exists(pk)"}
    return {"ConditionExpression": "version = :version", "ExpressionAttributeValues": {":version": {"S": version}}}


@contextmanager
def _stale_shortlist() -> Iterator[None]:
    try:
        yield
    except ConditionFailed as error:
        raise StaleShortlist from error


def _is_of(row: Item, model: Model) -> bool:
    return "model" in row and int(row["model"]["N"]) == model.number


def _shortlist(item: Item) -> Shortlist:
    lists = _unpacked(item) if item else {}
    return Shortlist(
        {strategy: _scored(lists[strategy]) for strategy in STRATEGIES if strategy in lists},
        frozenset(lists.get("bought", ())),
        [
            # rows of shortlists that older versions stored have a reason in the third place
            Bought(*row[:2]) if row[2] == "repeat" else Bought(*row)
            for row in lists.get("again", ())
        ],
    )


def _scored(rows: Iterable[Sequence[Any]]) -> list[Scored]:
    return [Scored(product_id, score, reason, tuple(because)) for product_id, score, reason, because in rows]


def _packed(content: Any) -> dict[str, bytes]:
    return {"B": zlib.compress(json.dumps(content, separators=(",", ":")).encode())}


def _unpacked(item: Item) -> Any:
    return json.loads(zlib.decompress(item["content"]["B"]))


def _build(state: Item) -> ModelBuild:
    number = int(state["run"]["N"])
    published = None
    if "model" in state:
        model = int(state["model"]["N"])
        published_at = float(state.get("published_at", {}).get("N", model / 1000))
        published = PublishedModel(model, published_at, _sources(state, "model_sources"))
    return ModelBuild(
        number,
        state["run_slot"]["S"],
        state["run_status"]["S"],
        frozenset(state.get("done", {}).get("SS", ())),
        float(state.get("run_moved_at", {}).get("N", number / 1000)),
        state.get("run_if_changed", {}).get("BOOL", False),
        _sources(state, "sources"),
        published,
    )


def _sources(state: Item, name: str) -> dict[str, Source]:
    parts = state.get(name, {}).get("M", {})
    return {part: Source(int(source["L"][0]["N"]), source["L"][1]["S"]) for part, source in parts.items()}


def _now() -> Item:
    return {"N": f"{time.time():.3f}"}
