"""Models, shortlists and entries in one table.

| pk | sk | |
|---|---|---|
| `{merchant_id}` | `state` | the model that is read and what it was learned from; the weights measured for the \
model of each slot and those the merchant chose; the latest run, which of its parts are done and what it exported; \
how many changes of interactions `arrived`, and how many before the latest run; `withdrawals` moves when a product \
may no longer be shown |
| `{merchant_id}/p/{slot}/{product_id}` | `near` | what goes with a product |
| `{merchant_id}/t/{slot}` | `all` | popular products with their features |
| `{merchant_id}/t/{slot}` | `top/{category}` | popular products, of a category or (empty) of all |
| `{merchant_id}/u/{user_id}` | `shortlist` | a shopper's candidates |
| `{merchant_id}/u/{user_id}` | `entry` | finished recommendations; expires |

Rows of the table name their model: in a slot that is written anew, what another model left is not read.
"""

from __future__ import annotations

import json
import time
import zlib
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING, Any, cast
from uuid import uuid4

from vitrine.catalog.dynamodb import bought_key, product_key, product_of, user_key
from vitrine.platform.dynamodb import ConditionFailed, batch_get, get_together, translated
from vitrine.platform.problems import Unavailable
from vitrine.platform.threads import run_all
from vitrine.recommendations.build_model import Arrivals, LaterBuild, ModelBuild, ReadModel, Source
from vitrine.recommendations.model import (
    STRATEGIES,
    ChosenWeights,
    Feature,
    Neighbour,
    Neighbourhood,
    Popular,
    Scored,
    Shortlist,
    Weights,
    prior,
)
from vitrine.recommendations.model_files import category_key
from vitrine.recommendations.ports import Model, RecommendationInputs

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from mypy_boto3_dynamodb import DynamoDBClient

    from vitrine.catalog.model import Product, UserKey
    from vitrine.platform.dynamodb import Item
    from vitrine.recommendations.build_model import Work

SLOTS = ("a", "b")
ENTRY_SECONDS = 3600
_LARGEST_ENTRY = 350_000
_TOP = 50
_ATTEMPTS = 8
_PARALLEL_WRITES = 16


class DynamoDBModels:
    """ModelStore on DynamoDB."""

    def __init__(self, client: DynamoDBClient, table: str) -> None:
        self._client = client
        self._table = table
        self._popular: dict[str, tuple[Model, Sequence[Popular]]] = {}

    def model(self, merchant_id: str) -> Model | None:
        with translated():
            response = self._client.get_item(TableName=self._table, Key=_key(merchant_id, "state"), ConsistentRead=True)
        return _model(cast("Item", response.get("Item", {})))

    def neighbourhoods(self, merchant_id: str, model: Model, product_ids: Collection[str]) -> dict[str, Neighbourhood]:
        keys = [_near_key(merchant_id, model.slot, product_id) for product_id in product_ids]
        found = {}
        for item in batch_get(self._client, self._table, keys):
            if _is_of(item, model):
                content = _unpacked(item)
                found[item["pk"]["S"].rsplit("/", 1)[1]] = Neighbourhood(
                    [Neighbour(*near) for near in content["collaborative"]],
                    [Neighbour(*near) for near in content["content"]],
                    frozenset(content["tokens"]),
                )
        return found

    def popular(self, merchant_id: str, model: Model) -> Sequence[Popular]:
        known, popular = self._popular.get(merchant_id, (None, ()))
        if known != model:
            with translated():
                response = self._client.get_item(
                    TableName=self._table, Key=_top_key(merchant_id, model.slot, "all"), ConsistentRead=True
                )
            item = cast("Item", response.get("Item", {}))
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
                _near_key(merchant_id, model.slot, product_id),
                model,
                {"collaborative": near.collaborative, "content": near.content, "tokens": sorted(near.tokens)},
            )
            for product_id, near in neighbourhoods
        )
        with ThreadPoolExecutor(_PARALLEL_WRITES) as pool:
            run_all(pool, self._put_row, rows)

    def put_popular(self, merchant_id: str, model: Model, category: str, popular: Sequence[Popular]) -> None:
        top = [(it.product_id, it.users) for it in popular[:_TOP]]
        rows = [self._row(_top_key(merchant_id, model.slot, f"top/{category}"), model, top)]
        if not category:
            whole = {
                "products": [(it.product_id, it.users, sorted(it.tokens)) for it in popular],
                "features": {token: feature for it in popular for token, feature in it.tokens.items()},
            }
            rows.append(self._row(_top_key(merchant_id, model.slot, "all"), model, whole))
        for row in rows:
            self._put_row(row)

    def publish(self, merchant_id: str, model: Model) -> None:
        try:
            with translated():
                self._client.update_item(
                    TableName=self._table,
                    Key=_key(merchant_id, "state"),
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
        except ConditionFailed:
            return

    def put_weights(self, merchant_id: str, model: Model, weights: Weights) -> None:
        measured = [{"N": str(it)} for it in (model.number, weights.collaborative, weights.content)]
        with suppress(ConditionFailed), translated():
            self._client.update_item(
                TableName=self._table,
                Key=_key(merchant_id, "state"),
                UpdateExpression="SET #measured = :measured",
                ConditionExpression="attribute_not_exists(#measured) OR #measured[0] <= :number",
                ExpressionAttributeNames={"#measured": f"measured_{model.slot}"},
                ExpressionAttributeValues={":measured": {"L": measured}, ":number": measured[0]},
            )

    def weights(self, merchant_id: str) -> tuple[Weights, ChosenWeights]:
        with translated():
            response = self._client.get_item(TableName=self._table, Key=_key(merchant_id, "state"), ConsistentRead=True)
        state = cast("Item", response.get("Item", {}))
        model = _model(state)
        chosen = _chosen(state)
        return (model.weights if model else chosen.over(Weights())), chosen

    def set_weights(self, merchant_id: str, chosen: ChosenWeights) -> None:
        values = {name: {"N": str(value)} for name, value in chosen._asdict().items() if value is not None}
        with translated():
            self._client.update_item(
                TableName=self._table,
                Key=_key(merchant_id, "state"),
                UpdateExpression="SET chosen = :chosen",
                ExpressionAttributeValues={":chosen": {"M": values}},
            )

    def note(self, merchant_id: str) -> None:
        """The catalogue's port `Withdrawals`: entries made before may show what is gone."""
        with translated():
            self._client.update_item(
                TableName=self._table,
                Key=_key(merchant_id, "state"),
                UpdateExpression="ADD withdrawals :one",
                ExpressionAttributeValues={":one": {"N": "1"}},
            )

    def _row(self, key: Item, model: Model, content: Any) -> Item:
        return {**key, "model": {"N": str(model.number)}, "content": _packed(content)}

    def _put_row(self, row: Item) -> None:
        """A row of a later model stands: its run writes into the slot from which this one was to be read."""
        try:
            with translated():
                self._client.put_item(
                    TableName=self._table,
                    Item=row,
                    ConditionExpression="attribute_not_exists(model) OR model <= :model",
                    ExpressionAttributeValues={":model": row["model"]},
                )
        except ConditionFailed:
            return


class DynamoDBRecommendationInputs:
    """ShelfStore on DynamoDB."""

    def __init__(self, client: DynamoDBClient, table: str, products_table: str, interactions_table: str) -> None:
        self._client = client
        self._table = table
        self._products = products_table
        self._interactions = interactions_table

    def read(self, user: UserKey, category: str | None) -> RecommendationInputs:
        keys = {
            "state": _key(user.merchant_id, "state"),
            "shortlist": _user_key(user, "shortlist"),
            "entry": entry_key(user),
            **{slot: _top_key(user.merchant_id, slot, f"top/{category_key(category)}") for slot in SLOTS},
        }
        items, revision = self._read(user, keys, consistent=False)
        model = _model(items["state"])
        if model and category is None and not _is_of(items[model.slot], model):
            # A replica that has not all of a model yet.
            items, revision = self._read(user, keys, consistent=True)
            model = _model(items["state"])
        tops = {item["model"]["N"]: item for item in (items[slot] for slot in SLOTS) if item}
        read = str(model.number) if model else ""
        of = items["shortlist"].get("model", {}).get("N", read)
        if of != read and of not in tops:
            items["shortlist"], of = {}, read
        lists = _unpacked(items["shortlist"]) if items["shortlist"] else {}
        popular = _unpacked(tops[of]) if of in tops else []
        entry = items["entry"]
        is_fresh = bool(entry) and int(entry["expires_at"]["N"]) > time.time()
        stamps = [
            model.number if model else 0,
            items["state"].get("withdrawals", {}).get("N", "0"),
            revision,
            of,
            items["shortlist"].get("revision", {}).get("S", ""),
        ]
        return RecommendationInputs(
            stamp="/".join(map(str, stamps)),
            model=int(of) if model else None,
            shortlist=Shortlist(
                {strategy: _scored(lists[strategy]) for strategy in STRATEGIES if strategy in lists},
                frozenset(lists.get("bought", ())),
                _scored(lists.get("again", ())),
            ),
            popular=[Scored(product_id, prior(users), "popular", ()) for product_id, users in popular],
            kept=zlib.decompress(entry["content"]["B"]) if is_fresh else None,
        )

    def sellable(self, user: UserKey, product_ids: Sequence[str], *, again: bool = False) -> Mapping[str, Product]:
        if not product_ids:
            return {}
        wanted = {self._products: [product_key(user.merchant_id, product_id) for product_id in product_ids]}
        if not again:
            wanted[self._interactions] = [bought_key(user, product_id) for product_id in product_ids]
        response = get_together(self._client, wanted, consistent=True)
        purchases = response.get(self._interactions, ())
        bought = {item["sk"]["S"].removeprefix("b/") for item in purchases if "purchases" in item}
        products = map(product_of, response[self._products])
        return {it.product_id: it for it in products if it.available and it.product_id not in bought}

    def shortlist_version(self, user: UserKey) -> str | None:
        with translated():
            response = self._client.get_item(
                TableName=self._table,
                Key=_user_key(user, "shortlist"),
                ConsistentRead=True,
                ProjectionExpression="version",
            )
        return cast("Item", response["Item"])["version"]["S"] if "Item" in response else None

    def put_shortlist(self, user: UserKey, model: Model, shortlist: Shortlist, seen: str | None) -> bool:
        packed = _packed({**shortlist.ranked, "bought": sorted(shortlist.bought), "again": shortlist.again})
        item: Any = {
            **_user_key(user, "shortlist"),
            "model": {"N": str(model.number)},
            "version": {"S": uuid4().hex},
            "revision": {"S": f"{zlib.crc32(packed['B']):08x}"},
            "content": packed,
        }
        try:
            with translated():
                self._client.put_item(TableName=self._table, Item=item, **_still(seen))
        except ConditionFailed:
            return False
        return True

    def drop_shortlist(self, user: UserKey, seen: str | None) -> bool:
        if seen is None:
            return True
        try:
            with translated():
                self._client.delete_item(TableName=self._table, Key=_user_key(user, "shortlist"), **_still(seen))
        except ConditionFailed:
            return False
        return True

    def erase(self, user: UserKey) -> None:
        with translated():
            self._client.delete_item(TableName=self._table, Key=_user_key(user, "shortlist"))

    def bought(self, user: UserKey, product_ids: Collection[str]) -> set[str]:
        keys = [bought_key(user, product_id) for product_id in sorted(product_ids)]
        items = batch_get(self._client, self._interactions, keys)
        return {item["sk"]["S"].removeprefix("b/") for item in items if "purchases" in item}

    def _read(self, user: UserKey, keys: Mapping[str, Item], *, consistent: bool) -> tuple[dict[str, Item], str]:
        wanted = {self._table: list(keys.values()), self._interactions: [user_key(user)]}
        response = get_together(self._client, wanted, consistent=consistent)
        found = {(item["pk"]["S"], item["sk"]["S"]): item for item in response[self._table]}
        items = {name: found.get((key["pk"]["S"], key["sk"]["S"]), {}) for name, key in keys.items()}
        revision = next((item["revision"]["N"] for item in response[self._interactions] if "revision" in item), "0")
        return items, revision


class TableCache:
    """Entries in the table: the shelf's read brings them along."""

    def __init__(self, client: DynamoDBClient, table: str) -> None:
        self._client = client
        self._table = table

    def get(self, user: UserKey, inputs: RecommendationInputs) -> bytes | None:
        del user
        return inputs.kept

    def put(self, user: UserKey, entry: bytes) -> None:
        content = zlib.compress(entry, 1)
        if len(content) > _LARGEST_ENTRY:
            return
        item: Any = {
            **entry_key(user),
            "content": {"B": content},
            "expires_at": {"N": str(int(time.time()) + ENTRY_SECONDS)},
        }
        try:
            with translated():
                self._client.put_item(TableName=self._table, Item=item)
        except Unavailable:
            return

    def drop(self, user: UserKey) -> None:
        with translated():
            self._client.delete_item(TableName=self._table, Key=entry_key(user))


def entry_key(user: UserKey) -> Item:
    """Where a user's entry lies."""
    return _user_key(user, f"recommendations:user:{user.user_id}")


def _key(merchant_id: str, name: str) -> Item:
    return {"pk": {"S": merchant_id}, "sk": {"S": name}}


def _user_key(user: UserKey, name: str) -> Item:
    return _key(f"{user.merchant_id}/u/{user.user_id}", name)


def _near_key(merchant_id: str, slot: str, product_id: str) -> Item:
    return _key(f"{merchant_id}/p/{slot}/{product_id}", "near")


def _top_key(merchant_id: str, slot: str, name: str) -> Item:
    return _key(f"{merchant_id}/t/{slot}", name)


def _model(state: Item) -> Model | None:
    if "model" not in state:
        return None
    number, slot = int(state["model"]["N"]), state["slot"]["S"]
    of, *measured = [float(it["N"]) for it in state.get(f"measured_{slot}", {}).get("L", [{"N": "0"}])]
    return Model(number, slot, _chosen(state).over(Weights(*measured) if of == number else Weights()))


def _chosen(state: Item) -> ChosenWeights:
    values = state.get("chosen", {}).get("M", {})
    return ChosenWeights(**{name: float(value["N"]) for name, value in values.items()})


def _still(seen: str | None) -> dict[str, Any]:
    """The condition that the candidates seen stand there."""
    if seen is None:
        return {"ConditionExpression": "attribute_not_exists(pk)"}
    return {"ConditionExpression": "version = :seen", "ExpressionAttributeValues": {":seen": {"S": seen}}}


def _is_of(row: Item, model: Model) -> bool:
    return "model" in row and int(row["model"]["N"]) == model.number


def _scored(rows: Iterable[Sequence[Any]]) -> list[Scored]:
    return [Scored(product_id, score, reason, tuple(because)) for product_id, score, reason, because in rows]


def _packed(content: Any) -> dict[str, bytes]:
    return {"B": zlib.compress(json.dumps(content, separators=(",", ":")).encode())}


def _unpacked(item: Item) -> Any:
    return json.loads(zlib.decompress(item["content"]["B"]))


class DynamoDBBuilds:
    """RunStore on DynamoDB, in the item that says which model is read: no run writes into a slot that is."""

    def __init__(self, client: DynamoDBClient, table: str) -> None:
        self._client = client
        self._table = table

    def begin(
        self, merchant_id: str, earliest: int, *, if_changed: bool = False, after: int | None = None
    ) -> ModelBuild:
        for _ in range(_ATTEMPTS):
            state = self._state(merchant_id)
            read = _model(state)
            last = int(state["run"]["N"]) if "run" in state else 0
            if after not in {None, last}:
                raise LaterBuild
            try:
                begun = self._update(
                    merchant_id,
                    "SET #run = :run, run_slot = :slot, run_status = :status, run_moved_at = :now,"
                    " run_if_changed = :if_changed, sources = :none, arrived_before = if_not_exists(arrived, :zero)"
                    " REMOVE done",
                    "(attribute_not_exists(#run) OR #run = :last) AND (attribute_not_exists(slot) OR slot <> :slot)",
                    {
                        ":run": {"N": str(max(earliest, last + 1))},
                        ":last": {"N": str(last)},
                        ":slot": {"S": "b" if read and read.slot == "a" else "a"},
                        ":status": {"S": "running"},
                        ":now": _now(),
                        ":if_changed": {"BOOL": if_changed},
                        ":none": {"M": {}},
                        ":zero": {"N": "0"},
                    },
                )
            except ConditionFailed:
                continue
            return _run(begun)
        raise Unavailable("Others begin runs of the same merchant.", 1)

    def find(self, merchant_id: str) -> ModelBuild | None:
        state = self._state(merchant_id)
        return _run(state) if "run" in state else None

    def finish_part(self, work: Work, source: Source | None = None) -> ModelBuild | None:
        update = "SET run_moved_at = :now"
        names = {}
        values: Item = {
            ":part": {"SS": [f"{work.step}/{work.part}"]},
            ":run": {"N": str(work.run)},
            ":now": _now(),
        }
        if source:
            update += ", sources.#part = :source"
            names["#part"] = work.part
            values[":source"] = {"L": [{"N": str(source.rows)}, {"S": source.digest}]}
        try:
            return _run(self._update(work.merchant_id, f"{update} ADD done :part", "#run = :run", values, names))
        except ConditionFailed:
            return None

    def note_arrivals(self, merchant_id: str, changes: int) -> Arrivals:
        with translated():
            response = self._client.update_item(
                TableName=self._table,
                Key=_key(merchant_id, "state"),
                UpdateExpression="ADD arrived :changes",
                ExpressionAttributeValues={":changes": {"N": str(changes)}},
                ReturnValues="ALL_NEW",
            )
        state = cast("Item", response["Attributes"])
        before = int(state.get("arrived_before", {}).get("N", "0"))
        return Arrivals(_run(state) if "run" in state else None, int(state["arrived"]["N"]) - before)

    def end(self, merchant_id: str, number: int, status: str) -> None:
        with suppress(ConditionFailed):
            self._update(
                merchant_id,
                "SET run_status = :status, run_moved_at = :now",
                "#run = :run",
                {":status": {"S": status}, ":run": {"N": str(number)}, ":now": _now()},
            )

    def _state(self, merchant_id: str) -> Item:
        with translated():
            response = self._client.get_item(TableName=self._table, Key=_key(merchant_id, "state"), ConsistentRead=True)
        return cast("Item", response.get("Item", {}))

    def _update(
        self, merchant_id: str, update: str, condition: str, values: Item, names: Mapping[str, str] | None = None
    ) -> Item:
        with translated():
            response = self._client.update_item(
                TableName=self._table,
                Key=_key(merchant_id, "state"),
                UpdateExpression=update,
                ConditionExpression=condition,
                ExpressionAttributeNames={"#run": "run", **(names or {})},
                ExpressionAttributeValues=values,
                ReturnValues="ALL_NEW",
            )
        return cast("Item", response["Attributes"])


def _run(state: Item) -> ModelBuild:
    number = int(state["run"]["N"])
    read = None
    if "model" in state:
        model = int(state["model"]["N"])
        published_at = float(state.get("published_at", {}).get("N", model / 1000))
        read = ReadModel(model, published_at, _sources(state, "model_sources"))
    return ModelBuild(
        number,
        state["run_slot"]["S"],
        state["run_status"]["S"],
        frozenset(state.get("done", {}).get("SS", ())),
        float(state.get("run_moved_at", {}).get("N", number / 1000)),
        state.get("run_if_changed", {}).get("BOOL", False),
        _sources(state, "sources"),
        read,
    )


def _sources(state: Item, name: str) -> dict[str, Source]:
    found = state.get(name, {}).get("M", {})
    return {part: Source(int(it["L"][0]["N"]), it["L"][1]["S"]) for part, it in found.items()}


def _now() -> Item:
    return {"N": f"{time.time():.3f}"}
