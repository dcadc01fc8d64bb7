"""Galleries and images in two tables.

| table | pk | sk | |
|---|---|---|---|
| galleries | `{merchant_id}` | `{gallery_id}` | a gallery, its totals, what is settling, readable versions |
| galleries | `{merchant_id}/{gallery_id}` | `version#{number}` | a version of its ranking |
| galleries | `//rules` | `{time}#{merchant_id}/{gallery_id}` | a time when the gallery's rules in force change |
| galleries | `{merchant_id}/{gallery_id}` | `visitor#{visitor}` | a suspect |
| galleries | `{merchant_id}/{gallery_id}/{arm}` | `{visitor}` | a visitor of an experiment, with marks of clicks |
| images | `{merchant_id}/{gallery_id}` | `{image_id}` | an image; unless hidden, also in the indexes of its scores |

Visitors of interleaved pages are all under the first arm, with a `vote`; their marks end in a byte for the arm.

Ids contain no slash, so keys are unambiguous. A description is one JSON attribute, written and read as a whole, and
so is a version.

There are two indexes by rank, `by_rank` for slot a and `by_other_rank` for slot b, partitioned by gallery and version.
An image is in both only while two orders exist.
"""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, timedelta
from functools import cached_property, lru_cache, partial
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from vitrine.galleries.model import (
    CACHE_SECONDS,
    PINNED_START,
    RANKED_START,
    TEAMS,
    Counted,
    CountedHour,
    Description,
    Experiment,
    Gallery,
    GalleryKey,
    Image,
    Placement,
    Score,
    Suspect,
    Totals,
)
from vitrine.galleries.ports import ImageRange, StaleGallery, StaleImages
from vitrine.platform.dynamodb import (
    ConditionFailed,
    TransactionRefused,
    batch_get,
    batch_put,
    batch_write,
    find_item,
    query_all,
    query_partition,
    query_some,
    translated,
    try_transaction,
    try_update,
)
from vitrine.platform.problems import Unavailable
from vitrine.platform.retries import retry
from vitrine.platform.threads import run_all
from vitrine.platform.times import from_rfc3339, to_rfc3339, utc_now
from vitrine.ranking.experiments import Arm
from vitrine.ranking.merchandising import Rule
from vitrine.ranking.model import Prior, Ranking, Version
from vitrine.renditions.model import Original, Picture

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from mypy_boto3_dynamodb import DynamoDBClient

    from vitrine.galleries.model import GalleryChanges, Settlement
    from vitrine.platform.dynamodb import Item
    from vitrine.ranking.interleaving import Team
    from vitrine.ranking.merchandising import Action
    from vitrine.ranking.model import Slot

_PARALLEL_WRITES = 16
_INSTANT = timedelta(microseconds=1)
_RULES = "//rules"
_SUSPECT = "visitor#"
_MOST_SUSPECTS = 1000
_OPEN = "attribute_exists(pk) AND attribute_not_exists(deleting)"
# An image that is deleted and created again starts at the first revision again.
_UNCHANGED = "revision = :revision AND incarnation = :incarnation"


class _Index(NamedTuple):
    name: str
    partition: str
    rank: str
    score: str


_SLOTS: tuple[Slot, ...] = ("a", "b")
_INDEXES = {
    "a": _Index("by_rank", "ranked_in", "rank", "score"),
    "b": _Index("by_other_rank", "other_ranked_in", "other_rank", "other_score"),
}


class DynamoDBGalleries:
    """GalleryRepository on DynamoDB."""

    def __init__(self, client: DynamoDBClient, galleries_table: str, images_table: str) -> None:
        self._client = client
        self._galleries = galleries_table
        self._images = images_table

    def put_gallery(self, gallery: Gallery) -> bool:
        item: dict[str, Any] = {
            **_gallery_key(gallery.key),
            **_gallery_settings(
                {
                    "title": gallery.title,
                    "counting": gallery.counting,
                    "public_counts": gallery.public_counts,
                    "cache_seconds": gallery.cache_seconds,
                    "mirror": gallery.mirror,
                    "rules": gallery.rules,
                }
            ),
            "live": {"S": _version_text(gallery.live)},
            "last_version": {"N": str(gallery.last_version)},
            "created_at": {"S": to_rfc3339(gallery.created_at)},
            "images": {"N": "0"},
            **_totals_item(Totals()),
            "revision": {"N": "0"},
            "settling": {"M": {}},
        }
        put = {"TableName": self._galleries, "Item": item, "ConditionExpression": "attribute_not_exists(pk)"}
        return try_transaction(self._client, [{"Put": put}, self._put_version(gallery.key, gallery.live)])

    def adopt(self, key: GalleryKey, version: Version) -> bool:
        """Give a gallery of release 0.1.0, which has no versions, its first; return whether it had none."""
        update = {
            "TableName": self._galleries,
            "Key": _gallery_key(key),
            "UpdateExpression": "SET live = :version, last_version = :number REMOVE policy ADD revision :one",
            "ConditionExpression": "attribute_exists(pk) AND attribute_not_exists(live)",
            "ExpressionAttributeValues": {
                ":version": {"S": _version_text(version)},
                ":number": {"N": str(version.number)},
                ":one": {"N": "1"},
            },
        }
        return try_transaction(self._client, [{"Update": update}, self._put_version(key, version)])

    def change_gallery(self, key: GalleryKey, changes: GalleryChanges) -> bool:
        present = _gallery_settings(changes)
        sets = [f"#{name} = :{name}" for name in present]
        removed = [f"#{name}" for name in changes if name not in present]
        names = {f"#{name}": name for name in changes}
        values: dict[str, Any] = {":one": {"N": "1"}, **{f":{name}": value for name, value in present.items()}}
        parts = [
            f"SET {', '.join(sets)}" if sets else "",
            f"REMOVE {', '.join(removed)}" if removed else "",
            "ADD revision :one",
        ]
        return self._update_gallery(key, " ".join(part for part in parts if part), _OPEN, values, names or None)

    def plan_version(self, gallery: Gallery, version: Version, experiment: Experiment | None) -> bool:
        started: dict[str, Any] = {":experiment": {"S": _experiment_text(experiment)}} if experiment else {}
        sets = "SET #next = :version, next_waits = :yes, last_version = :number"
        sets += ", experiment = :experiment REMOVE retired" if experiment else " REMOVE retired, experiment"
        update = {
            "TableName": self._galleries,
            "Key": _gallery_key(gallery.key),
            "UpdateExpression": f"{sets} ADD revision :one",
            "ConditionExpression": f"{_OPEN} AND last_version = :last AND live = :live",
            "ExpressionAttributeNames": {"#next": "next"},
            "ExpressionAttributeValues": {
                ":version": {"S": _version_text(version)},
                ":number": {"N": str(version.number)},
                ":last": {"N": str(gallery.last_version)},
                ":live": {"S": _version_text(gallery.live)},
                ":yes": {"BOOL": True},
                ":one": {"N": "1"},
                **started,
            },
        }
        return try_transaction(self._client, [{"Update": update}, self._put_version(gallery.key, version)])

    def start_scoring(self, gallery: Gallery, version: Version) -> bool:
        return self._update_gallery(
            gallery.key,
            "REMOVE next_waits ADD revision :one",
            f"{_OPEN} AND #next = :version",
            {":version": {"S": _version_text(version)}, ":one": {"N": "1"}},
            {"#next": "next"},
        )

    def promote_version(self, gallery: Gallery, version: Version) -> bool:
        return self._update_gallery(
            gallery.key,
            "SET live = :version, retired = :live REMOVE #next ADD revision :one",
            f"{_OPEN} AND #next = :version AND live = :live",
            {
                ":version": {"S": _version_text(version)},
                ":live": {"S": _version_text(gallery.live)},
                ":one": {"N": "1"},
            },
            {"#next": "next"},
        )

    def forget_retired(self, key: GalleryKey, version: Version) -> bool:
        return self._update_gallery(
            key,
            "REMOVE retired ADD revision :one",
            "retired = :version",
            {":version": {"S": _version_text(version)}, ":one": {"N": "1"}},
        )

    def add_suspect(self, key: GalleryKey, suspect: Suspect) -> None:
        # The mark comes first: a crash in between leaves a gallery whose suspects are read in vain.
        values = {":yes": {"BOOL": True}}
        if not self._update_gallery(key, "SET has_suspects = :yes", _OPEN, values):
            return
        try_update(
            self._client,
            TableName=self._galleries,
            Key=_suspect_key(key, suspect.visitor),
            UpdateExpression="SET reason = :reason, since = :since",
            ConditionExpression="attribute_not_exists(pk)",
            ExpressionAttributeValues={
                ":reason": {"S": suspect.reason},
                ":since": {"S": to_rfc3339(suspect.since)},
            },
        )

    def list_suspects(self, key: GalleryKey) -> Sequence[Suspect]:
        items = query_some(
            self._client,
            _MOST_SUSPECTS,
            TableName=self._galleries,
            KeyConditionExpression="pk = :gallery AND begins_with(sk, :suspect)",
            ExpressionAttributeValues={":gallery": {"S": _partition(key)}, ":suspect": {"S": _SUSPECT}},
        )
        return [
            Suspect(
                item["sk"]["S"].removeprefix(_SUSPECT),
                item["reason"]["S"],
                from_rfc3339(item["since"]["S"]),
                "trusted" in item,
            )
            for item in items
        ]

    def trust_suspect(self, key: GalleryKey, visitor: str) -> bool:
        return try_update(
            self._client,
            TableName=self._galleries,
            Key=_suspect_key(key, visitor),
            UpdateExpression="SET trusted = :yes",
            ConditionExpression="attribute_exists(pk)",
            ExpressionAttributeValues={":yes": {"BOOL": True}},
        )

    def schedule_rules(self, key: GalleryKey, moments: Iterable[datetime]) -> None:
        items = {item["sk"]["S"]: item for item in (_due_item(key, moment) for moment in moments)}
        batch_put(self._client, self._galleries, list(items.values()))

    def due_rules(self, now: datetime, limit: int) -> Sequence[tuple[datetime, GalleryKey]]:
        items = query_some(
            self._client,
            limit,
            TableName=self._galleries,
            KeyConditionExpression="pk = :rules AND sk < :now",
            ExpressionAttributeValues={":rules": {"S": _RULES}, ":now": {"S": f"{to_rfc3339(now)}$"}},
            ConsistentRead=True,
        )
        due = (item["sk"]["S"].partition("#") for item in items)
        return [(from_rfc3339(moment), _gallery_of(partition)) for moment, _, partition in due]

    def unschedule_rules(self, due: Iterable[tuple[datetime, GalleryKey]]) -> None:
        keys = [_due_item(key, moment) for moment, key in due]
        batch_write(self._client, self._galleries, [{"DeleteRequest": {"Key": key}} for key in keys])

    def open_experiment(self, gallery: Gallery, experiment: Experiment) -> bool:
        return self._update_gallery(
            gallery.key,
            "SET experiment = :ready ADD revision :one",
            "experiment = :experiment",
            {
                ":ready": {"S": _experiment_text(experiment._replace(is_ready=True))},
                ":experiment": {"S": _experiment_text(experiment)},
                ":one": {"N": "1"},
            },
        )

    def add_visit(
        self, key: GalleryKey, arm: str, visitor: str, clicks: Collection[bytes], vote: Team | None = None
    ) -> None:
        values: dict[str, Any] = {":yes": {"BOOL": True}}
        sets = "came = :yes"
        if vote is not None:
            values[":vote"] = {"N": str(vote)}
            sets += ", vote = if_not_exists(vote, :vote)"
        if clicks:
            values[":clicks"] = {"BS": list(clicks)}
        try_update(
            self._client,
            TableName=self._galleries,
            Key={"pk": {"S": _visits(key, arm)}, "sk": {"S": visitor}},
            UpdateExpression=f"SET {sets}" + (" ADD clicks :clicks" if clicks else ""),
            ExpressionAttributeValues=values,
        )

    def count_visits(self, key: GalleryKey, arm: str) -> Arm:
        visitors = clickers = clicks = squares = 0
        for item in self._all_visits(key, arm):
            clicked = len(item.get("clicks", {}).get("BS", ()))
            visitors += 1
            clickers += clicked > 0
            clicks += clicked
            squares += clicked**2
        return Arm(visitors, clickers, clicks, squares)

    def count_votes(self, key: GalleryKey, arm: str) -> tuple[Arm, Arm]:
        visitors, votes, clicks = 0, [0, 0], [0, 0]
        for item in self._all_visits(key, arm):
            visitors += 1
            if "vote" in item:
                votes[int(item["vote"]["N"])] += 1
            marks = sorted(item.get("clicks", {}).get("BS", ()), reverse=True)
            for team in {mark[:-1]: mark[-1] for mark in marks}.values():  # a resend that names the other arm is none
                clicks[team] += 1
        first, second = (Arm(visitors, votes[team], clicks[team]) for team in TEAMS)
        return first, second

    def forget_visits(self, key: GalleryKey, arm: str) -> None:
        keys = [{"pk": item["pk"], "sk": item["sk"]} for item in self._all_visits(key, arm)]
        batch_write(self._client, self._galleries, [{"DeleteRequest": {"Key": visit}} for visit in keys])

    def _all_visits(self, key: GalleryKey, arm: str) -> Iterator[Item]:
        return query_partition(self._client, self._galleries, _visits(key, arm), ConsistentRead=True)

    def list_versions(self, key: GalleryKey, limit: int, before: int | None) -> Sequence[Version]:
        items = query_some(
            self._client,
            limit,
            TableName=self._galleries,
            KeyConditionExpression="pk = :gallery AND sk < :before",
            ExpressionAttributeValues={
                ":gallery": {"S": _partition(key)},
                ":before": {"S": _version_sort_key(before) if before else "version#~"},
            },
            ScanIndexForward=False,
            ConsistentRead=True,
        )
        return [_version(item["version"]["S"]) for item in items]

    def find_version(self, key: GalleryKey, number: int) -> Version | None:
        version = {"pk": {"S": _partition(key)}, "sk": {"S": _version_sort_key(number)}}
        item = find_item(self._client, self._galleries, version)
        return _version(item["version"]["S"]) if item else None

    def find_gallery(self, key: GalleryKey) -> Gallery | None:
        item = find_item(self._client, self._galleries, _gallery_key(key))
        return None if item is None else _gallery(item)

    def find_galleries(self, keys: Collection[GalleryKey]) -> Mapping[GalleryKey, Gallery]:
        if len(keys) == 1:
            [key] = keys
            gallery = self.find_gallery(key)
            return {key: gallery} if gallery else {}
        items = batch_get(self._client, self._galleries, [_gallery_key(key) for key in keys])
        return {gallery.key: gallery for gallery in map(_gallery, items)}

    def list_galleries(self, merchant_id: str, limit: int, after: str | None) -> Sequence[Gallery]:
        items = query_some(
            self._client,
            limit,
            TableName=self._galleries,
            KeyConditionExpression="pk = :merchant AND sk > :after",
            ExpressionAttributeValues={":merchant": {"S": merchant_id}, ":after": {"S": after or " "}},
        )
        return [_gallery(item) for item in items]

    def mark_deleting(self, key: GalleryKey) -> bool:
        return self._update_gallery(key, "SET deleting = :yes", "attribute_exists(pk)", {":yes": {"BOOL": True}})

    def drop_gallery(self, key: GalleryKey) -> None:
        versions = query_partition(
            self._client, self._galleries, _partition(key), ProjectionExpression="pk, sk", ConsistentRead=True
        )

        def attempt() -> None:
            with translated():
                self._client.delete_item(
                    TableName=self._galleries,
                    Key=_gallery_key(key),
                    ConditionExpression="attribute_exists(deleting) AND images = :none",
                    ExpressionAttributeValues={":none": {"N": "0"}},
                )

        keys = list(versions)
        with suppress(ConditionFailed):
            retry(attempt)
            batch_write(self._client, self._galleries, [{"DeleteRequest": {"Key": version}} for version in keys])

    def get_images(self, key: GalleryKey, image_ids: Iterable[str]) -> Mapping[str, Image]:
        keys = [_image_key(key, image_id) for image_id in image_ids]
        if len(keys) == 1:
            item = find_item(self._client, self._images, keys[0])
            items = [item] if item else []
        else:
            items = batch_get(self._client, self._images, keys)
        images = [_image(item) for item in items]
        return {image.image_id: image for image in images}

    def ranked_images(self, key: GalleryKey, version: Version, limit: int, after: str) -> ImageRange:
        return self._query_ranks(key, version, limit, "#rank > :after", {":after": {"S": after}})

    def pinned_images(self, key: GalleryKey, version: Version, limit: int, after: str) -> ImageRange:
        first = after + " " if after > PINNED_START else after
        bounds = {":after": {"S": first}, ":ranked": {"S": RANKED_START}}
        return self._query_ranks(key, version, limit, "#rank BETWEEN :after AND :ranked", bounds)

    def stored_images(self, key: GalleryKey, limit: int, after: str | None) -> Sequence[Image]:
        items = query_some(
            self._client,
            limit,
            TableName=self._images,
            KeyConditionExpression="pk = :gallery AND sk > :after",
            ExpressionAttributeValues={":gallery": {"S": _partition(key)}, ":after": {"S": after or " "}},
            ConsistentRead=True,
        )
        return [_image(item) for item in items]

    def commit_images(self, gallery: Gallery, created: Sequence[Image], changed: Sequence[Image]) -> None:
        writes: list[Any] = [self._put(_image_item(image), "attribute_not_exists(pk)") for image in created] + [
            self._put(_image_item(image), _UNCHANGED, _as_read(image)) for image in changed
        ]
        update: dict[str, Any] = {
            "TableName": self._galleries,
            "Key": _gallery_key(gallery.key),
            "UpdateExpression": "ADD images :created",
            "ConditionExpression": _OPEN,
            "ExpressionAttributeValues": {":created": {"N": str(len(created))}},
        }
        if created:
            update["ConditionExpression"] += " AND live = :live"
            update["ExpressionAttributeValues"][":live"] = {"S": _version_text(gallery.live)}
            update["ExpressionAttributeNames"] = {"#next": "next"}
            if gallery.next is None:
                update["ConditionExpression"] += " AND attribute_not_exists(#next)"
            else:
                waiting = "attribute_exists" if gallery.next_waits else "attribute_not_exists"
                update["ConditionExpression"] += f" AND #next = :next AND {waiting}(next_waits)"
                update["ExpressionAttributeValues"][":next"] = {"S": _version_text(gallery.next)}
        writes.append({"Update": update})
        self._transact(writes, gallery_at=len(writes) - 1)

    def save_images(self, images: Sequence[Image]) -> set[str]:
        save = map if len(images) == 1 else partial(run_all, self._writers)
        stale = save(self._save, images)
        return {image.image_id for image, is_stale in zip(images, stale, strict=True) if is_stale}

    def delete_image(self, image: Image) -> None:
        self._transact(
            [
                {
                    "Delete": {
                        "TableName": self._images,
                        "Key": _image_key(image.gallery, image.image_id),
                        "ConditionExpression": _UNCHANGED,
                        "ExpressionAttributeValues": _as_read(image),
                    }
                },
                {
                    "Update": {
                        "TableName": self._galleries,
                        "Key": _gallery_key(image.gallery),
                        "UpdateExpression": "ADD images :less REMOVE settling.#image",
                        "ExpressionAttributeNames": {"#image": image.image_id},
                        "ExpressionAttributeValues": {":less": {"N": "-1"}},
                    }
                },
            ],
            gallery_at=1,
        )

    def advance_totals(self, gallery: Gallery, settlement: Settlement) -> None:
        added = ", ".join(f"#{name} :{name}" for name in Totals._fields)
        added_names = {f"#{name}": name for name in Totals._fields}
        added_values = {f":{name}": number for name, number in _totals_item(settlement.increase).items()}
        names, sets = dict(added_names), []
        values: dict[str, Any] = {
            **added_values,
            ":one": {"N": "1"},
            ":revision": {"N": str(gallery.revision)},
            ":created_at": {"S": to_rfc3339(gallery.created_at)},
        }
        for at, note in enumerate(settlement.settling):
            names[f"#i{at}"] = note.image_id
            values[f":i{at}"] = _note(note)
            sets.append(f"settling.#i{at} = :i{at}")
        totals = {
            "TableName": self._galleries,
            "Key": _gallery_key(gallery.key),
            "UpdateExpression": f"SET {', '.join(sets)} ADD {added}, revision :one",
            "ConditionExpression": "revision = :revision AND created_at = :created_at",
            "ExpressionAttributeNames": names,
            "ExpressionAttributeValues": values,
        }
        hour = {
            "TableName": self._galleries,
            "Key": {"pk": {"S": _partition(gallery.key)}, "sk": {"S": _hour_sort_key(gallery, utc_now())}},
            "UpdateExpression": f"ADD {added}",
            "ExpressionAttributeNames": added_names,
            "ExpressionAttributeValues": added_values,
        }
        self._transact([{"Update": totals}, {"Update": hour}], gallery_at=0)

    def list_hours(self, gallery: Gallery, first: datetime, end: datetime) -> Sequence[CountedHour]:
        if first >= end:
            return []
        items = query_all(
            self._client,
            TableName=self._galleries,
            KeyConditionExpression="pk = :gallery AND sk BETWEEN :first AND :last",
            ExpressionAttributeValues={
                ":gallery": {"S": _partition(gallery.key)},
                ":first": {"S": _hour_sort_key(gallery, first)},
                ":last": {"S": _hour_sort_key(gallery, end - _INSTANT)},
            },
            ConsistentRead=True,
        )
        return [
            CountedHour(
                from_rfc3339(f"{item['sk']['S'].rpartition('#')[2]}:00:00"),
                _totals(item),
            )
            for item in items
        ]

    def clear_settled(self, key: GalleryKey, settled: Sequence[Counted]) -> None:
        names, conditions, values = {}, [], {}
        for at, note in enumerate(settled):
            names[f"#i{at}"] = note.image_id
            values[f":i{at}"] = _note(note)
            conditions.append(f"settling.#i{at} = :i{at}")
        removed = ", ".join(f"settling.#i{at}" for at in range(len(settled)))
        cleared = self._update_gallery(
            key,
            f"REMOVE {removed}",
            " AND ".join(conditions),
            values,
            names,
        )
        if not cleared and len(settled) > 1:
            for note in settled:
                self.clear_settled(key, [note])

    @cached_property
    def _writers(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(_PARALLEL_WRITES)

    def _save(self, image: Image) -> bool:
        """Write an image; return whether it was stale."""
        put = self._put(_image_item(image), _UNCHANGED, _as_read(image))["Put"]

        def attempt() -> None:
            with translated():
                self._client.put_item(**put)

        try:
            retry(attempt)
        except ConditionFailed:
            return True
        return False

    def _query_ranks(
        self, key: GalleryKey, version: Version, limit: int, ranks: str, bounds: dict[str, Any]
    ) -> ImageRange:
        index = _INDEXES[version.slot]
        with translated():
            page = self._client.query(
                TableName=self._images,
                IndexName=index.name,
                KeyConditionExpression=f"{index.partition} = :order AND {ranks}",
                ExpressionAttributeNames={"#rank": index.rank},
                ExpressionAttributeValues={":order": {"S": _order(key, version.number)}, **bounds},
                Limit=limit,
            )
        return ImageRange([_image(cast("Item", item)) for item in page["Items"]], "LastEvaluatedKey" in page)

    def _update_gallery(
        self,
        key: GalleryKey,
        expression: str,
        condition: str,
        values: dict[str, Any],
        names: dict[str, str] | None = None,
    ) -> bool:
        return try_update(
            self._client,
            TableName=self._galleries,
            Key=_gallery_key(key),
            UpdateExpression=expression,
            ConditionExpression=condition,
            ExpressionAttributeValues=values,
            ExpressionAttributeNames=names,
        )

    def _put(self, item: Item, condition: str, values: dict[str, Any] | None = None) -> dict[str, Any]:
        put: dict[str, Any] = {"TableName": self._images, "Item": item, "ConditionExpression": condition}
        if values:
            put["ExpressionAttributeValues"] = values
        return {"Put": put}

    def _put_version(self, key: GalleryKey, version: Version) -> dict[str, Any]:
        item = {
            "pk": {"S": _partition(key)},
            "sk": {"S": _version_sort_key(version.number)},
            "version": {"S": _version_text(version)},
        }
        return {"Put": {"TableName": self._galleries, "Item": item}}

    def _transact(self, writes: list[Any], gallery_at: int) -> None:
        def attempt() -> None:
            with translated():
                self._client.transact_write_items(TransactItems=writes)

        try:
            retry(attempt)
        except TransactionRefused as error:
            raise StaleGallery if gallery_at in error.failed else StaleImages from error


def _partition(key: GalleryKey) -> str:
    return f"{key.merchant_id}/{key.gallery_id}"


def _order(key: GalleryKey, version: int) -> str:
    return f"{_partition(key)}#{version}"


def _visits(key: GalleryKey, arm: str) -> str:
    return f"{_partition(key)}/{arm}"


def _suspect_key(key: GalleryKey, visitor: str) -> Item:
    return {"pk": {"S": _partition(key)}, "sk": {"S": f"{_SUSPECT}{visitor}"}}


def _due_item(key: GalleryKey, moment: datetime) -> Item:
    """Return a time when rules change. Its sort key has whole seconds, rounded up, so that it sorts by time."""
    whole = moment.astimezone(UTC).replace(microsecond=0) + timedelta(seconds=moment.microsecond > 0)
    return {"pk": {"S": _RULES}, "sk": {"S": f"{to_rfc3339(whole)}#{_partition(key)}"}}


def _experiment_text(experiment: Experiment) -> str:
    """Return an experiment as text, always the same one: conditions compare it."""
    fields = [
        experiment.experiment_id,
        experiment.number,
        to_rfc3339(experiment.started_at),
        list(experiment.totals),
        experiment.is_ready,
        *([] if experiment.mode == "split" else [experiment.mode]),  # a split one reads as before there were modes
    ]
    return json.dumps(fields, separators=(",", ":"))


def _experiment(text: str) -> Experiment:
    experiment_id, number, started_at, totals, is_ready, *mode = json.loads(text)
    return Experiment(experiment_id, number, from_rfc3339(started_at), Totals(*totals), is_ready, *mode)


def _hour_sort_key(gallery: Gallery, moment: datetime) -> str:
    """Return the key of an hour of counts. It sorts after versions and differs from that of an earlier gallery."""
    return f"when#{to_rfc3339(gallery.created_at)}#{moment.astimezone(UTC).isoformat()[:13]}"


def _version_sort_key(number: int) -> str:
    return f"version#{number:09d}"


def _version_text(version: Version) -> str:
    """Return a version as text, always the same one: conditions compare it."""
    ranking = version.ranking
    fields: dict[str, Any] = {
        "number": version.number,
        "policy": ranking.policy,
        "half_life_days": ranking.half_life_days,
        "lab_share": ranking.lab_share,
        "mean_rate": version.prior.mean_rate,
        "slot": version.slot,
        "created_at": to_rfc3339(version.created_at),
        "reason": version.reason,
    }
    if version.rules:  # versions without rules read as they were written before there were rules
        fields["rules"] = [_rule_fields(rule) for rule in version.rules]
    return json.dumps(fields, separators=(",", ":"), ensure_ascii=False)


@lru_cache(maxsize=256)
def _version(text: str) -> Version:
    fields = json.loads(text)
    return Version(
        fields["number"],
        Ranking(fields["policy"], fields["half_life_days"], fields["lab_share"]),
        Prior(fields["mean_rate"]),
        fields["slot"],
        from_rfc3339(fields["created_at"]),
        fields["reason"],
        tuple(map(_rule, fields.get("rules", ()))),
    )


def _rule_fields(rule: Rule) -> dict[str, str]:
    times = {"starts_at": rule.starts_at, "ends_at": rule.ends_at}
    return {
        **{name: value for name, value in rule._asdict().items() if isinstance(value, str)},
        **{name: to_rfc3339(moment) for name, moment in times.items() if moment},
    }


def _rule(fields: Mapping[str, Any]) -> Rule:
    times = {name: from_rfc3339(fields[name]) for name in ("starts_at", "ends_at") if name in fields}
    return Rule(fields["action"], fields.get("tag"), fields.get("product_id"), **times)


def _gallery_key(key: GalleryKey) -> dict[str, Any]:
    return {"pk": {"S": key.merchant_id}, "sk": {"S": key.gallery_id}}


def _gallery_settings(changes: GalleryChanges) -> dict[str, Any]:
    """Return the attributes of changed settings; None has no attribute."""
    return {name: _setting(value) for name, value in changes.items() if value not in (None, ())}


def _setting(value: Any) -> dict[str, Any]:
    if isinstance(value, bool):
        return {"BOOL": value}
    if isinstance(value, int):
        return {"N": str(value)}
    if isinstance(value, tuple):
        return {"S": json.dumps([_rule_fields(rule) for rule in value], separators=(",", ":"), ensure_ascii=False)}
    return {"S": value}


def _image_key(key: GalleryKey, image_id: str) -> dict[str, Any]:
    return {"pk": {"S": _partition(key)}, "sk": {"S": image_id}}


def _as_read(image: Image) -> dict[str, Any]:
    """Return the values of `_UNCHANGED`."""
    return {":revision": {"N": str(image.revision)}, ":incarnation": {"S": image.incarnation}}


def _totals_item(totals: Totals) -> Item:
    """Return totals as attributes of an item."""
    return {name: {"N": str(count)} for name, count in totals._asdict().items()}


def _totals(item: Item) -> Totals:
    """Inverse of `_totals_item`."""
    return Totals(**{name: int(item[name]["N"]) for name in Totals._fields})


def _note(counted: Counted) -> dict[str, Any]:
    amounts = {kind[0]: {"N": str(amount)} for kind, amount in counted.totals._asdict().items()}
    return {"M": {"i": {"S": counted.incarnation}, **amounts}}


def _counted(image_id: str, note: Item) -> Counted:
    """Inverse of `_note`."""
    return Counted(image_id, note["i"]["S"], Totals(*(int(note[kind[0]]["N"]) for kind in Totals._fields)))


def _gallery(item: Item) -> Gallery:
    """Return the gallery of an item. Raises Unavailable for one of release 0.1.0."""
    if "live" not in item:
        raise Unavailable("The gallery is still in the form of an earlier release. Send the request again later.", 30)
    title = item.get("title")
    return Gallery(
        key=GalleryKey(item["pk"]["S"], item["sk"]["S"]),
        title=title["S"] if title else None,
        live=_version(item["live"]["S"]),
        created_at=from_rfc3339(item["created_at"]["S"]),
        images=int(item["images"]["N"]),
        totals=_totals(item),
        settling={image_id: _counted(image_id, note["M"]) for image_id, note in item["settling"]["M"].items()},
        revision=int(item["revision"]["N"]),
        deleting="deleting" in item,
        counting="every_event" if item.get("counting") == {"S": "every_event"} else "once_an_hour",
        public_counts=item.get("public_counts") == {"BOOL": True},
        cache_seconds=int(item["cache_seconds"]["N"]) if "cache_seconds" in item else CACHE_SECONDS,
        next=_version(item["next"]["S"]) if "next" in item else None,
        next_waits="next_waits" in item,
        retired=_version(item["retired"]["S"]) if "retired" in item else None,
        last_version=int(item["last_version"]["N"]),
        experiment=_experiment(item["experiment"]["S"]) if "experiment" in item else None,
        mirror=item.get("mirror") != {"BOOL": False},
        rules=tuple(map(_rule, json.loads(item["rules"]["S"]))) if "rules" in item else (),
        has_suspects="has_suspects" in item,
    )


def _image_item(image: Image) -> Item:
    """Return the item of an image at its next revision."""
    described = image.description
    description: dict[str, Any] = {
        "name": described.name,
        "url": described.url,
        "created_at": to_rfc3339(described.created_at),
        "caption": described.caption,
        "alt": described.alt,
        "tags": described.tags,
        "credit": described.credit,
        "product_ids": described.product_ids,
        "width": described.width,
        "height": described.height,
        "attributes": dict(described.attributes),
    }
    present = {name: value for name, value in description.items() if value not in (None, (), {})}
    item: Item = {
        **_image_key(image.gallery, image.image_id),
        "description": {"S": json.dumps(present, separators=(",", ":"), ensure_ascii=False)},
        "incarnation": {"S": image.incarnation},
        **_totals_item(image.totals),
        "weight": {"N": str(image.weight)},
        "revision": {"N": str(image.revision + 1)},
    }
    if image.pinned_position is not None:
        item["pinned_position"] = {"N": str(image.pinned_position)}
    if image.original:
        digest, url, picture = image.original
        item["original"] = {
            "M": {
                "digest": {"S": digest},
                "url": {"S": url},
                "width": {"N": str(picture.width)},
                "height": {"N": str(picture.height)},
                "placeholder": {"B": picture.placeholder},
                "animated": {"BOOL": picture.animated},
            }
        }
    if image.hidden:
        item["hidden"] = {"BOOL": True}
    if image.placements:
        item["placements"] = {"S": json.dumps(image.placements, separators=(",", ":"))}
    for score in image.scores:
        index = _INDEXES[score.slot]
        item[index.score] = {"S": f"{score.version} {score.points} {score.at} {score.action or ''}".rstrip()}
        rank = image.rank(score)
        if rank is not None:
            item[index.partition] = {"S": _order(image.gallery, score.version)}
            item[index.rank] = {"S": rank}
    return item


@lru_cache(maxsize=64)
def _gallery_of(partition: str) -> GalleryKey:
    return GalleryKey(*partition.split("/"))


def _image(item: Item) -> Image:
    described = json.loads(item["description"]["S"])
    optional = described.get
    description = Description(
        described["name"],
        described["url"],
        from_rfc3339(described["created_at"]),
        optional("caption"),
        optional("alt"),
        tuple(optional("tags", ())),
        optional("credit"),
        tuple(optional("product_ids", ())),
        optional("width"),
        optional("height"),
        optional("attributes", {}),
    )
    pinned = item.get("pinned_position")
    return Image(
        _gallery_of(item["pk"]["S"]),
        item["sk"]["S"],
        description,
        item["incarnation"]["S"],
        _scores(item),
        _totals(item),
        int(pinned["N"]) if pinned else None,
        "hidden" in item,
        int(item["revision"]["N"]),
        _original(item["original"]["M"]) if "original" in item else None,
        tuple(Placement(*one) for one in json.loads(item["placements"]["S"])) if "placements" in item else (),
    )


def _scores(item: Item) -> tuple[Score, ...]:
    scores = []
    for slot in _SLOTS:
        stored = item.get(_INDEXES[slot].score)
        if stored:
            version, points, at, *action = stored["S"].split()
            scores.append(Score(slot, int(version), int(points), int(at), *cast("list[Action]", action)))
    return tuple(scores)


def _original(item: Item) -> Original:
    size = (int(item["width"]["N"]), int(item["height"]["N"]))
    picture = Picture(*size, bytes(item["placeholder"]["B"]), item["animated"]["BOOL"])
    return Original(item["digest"]["S"], item["url"]["S"], picture)
