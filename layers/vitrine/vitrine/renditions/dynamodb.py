"""Pictures and their holders in one table.

| pk | sk | |
|---|---|---|
| `picture/{digest}` | `-` | an original, the marks of its holders, and its leases `making_{width}.{format}` |
| `holder/{merchant_id}/{gallery_id}/{image_id}` | `-` | the digests that an image may hold, and its lease |
| `original/{merchant_id}/{gallery_id}` | `{image_id}` | the copy that a product or snapshot refers to |
| `withdrawn/{merchant_id}/{gallery_id}` | `{digest}` | a withdrawn picture, for 90 days |
"""

from __future__ import annotations

import time
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast

from vitrine.platform.dynamodb import ConditionFailed, OnTable, batch_get, query_partition
from vitrine.platform.retries import retry
from vitrine.platform.times import from_rfc3339, to_rfc3339
from vitrine.renditions.model import Holder, Original, Picture, Withdrawal
from vitrine.renditions.ports import PictureBusy

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator
    from datetime import datetime

    from mypy_boto3_dynamodb import DynamoDBClient

    from vitrine.renditions.model import Rendition

MAKING_SECONDS = 30  # longer than the timeout of the function that makes renditions
WORKING_SECONDS = 70  # longer than the timeout of the function that mirrors
_WAITS_SECONDS = (0.1, 0.2, 0.4, 0.8, 1.6, 3.2)
_WITHDRAWALS_KEPT = timedelta(days=90)
_OPEN = "attribute_exists(holders) AND attribute_not_exists(closed)"


class _Table(OnTable):
    def __init__(self, client: DynamoDBClient, table: str, clock: Callable[[], float] = time.time) -> None:
        super().__init__(client, table)
        self._clock = clock

    def _get(self, pk: str) -> dict[str, Any] | None:
        return self._find(_key(pk))

    def _update(self, pk: str, **update: Any) -> dict[str, Any] | None:
        """Return the updated item, or None if the condition failed."""
        try:
            response = retry(lambda: self._update_item(_key(pk), ReturnValues="ALL_NEW", **update))
            return cast("dict[str, Any]", response["Attributes"])
        except ConditionFailed:
            return None


class DynamoDBPictures(_Table):
    """Pictures on DynamoDB."""

    def find(self, digest: str) -> Picture | None:
        item = self._get(_picture_pk(digest))
        return _picture(item) if item and "holders" in item and "closed" not in item else None

    def hold(self, digest: str, holder: Holder, picture: Picture) -> None:
        updated = self._update(
            _picture_pk(digest),
            UpdateExpression="ADD holders :mark SET width = :width, height = :height, placeholder = :placeholder, "
            "animated = :animated",
            ConditionExpression="attribute_not_exists(closed)",
            ExpressionAttributeValues={
                ":mark": {"BS": [holder.mark]},
                ":width": {"N": str(picture.width)},
                ":height": {"N": str(picture.height)},
                ":placeholder": {"B": picture.placeholder},
                ":animated": {"BOOL": picture.animated},
            },
        )
        if updated is None:
            raise PictureBusy

    def let_go(self, digest: str, holder: Holder) -> Picture | None:
        released = self._update(
            _picture_pk(digest),
            UpdateExpression="DELETE holders :mark",
            ConditionExpression="attribute_exists(pk)",
            ExpressionAttributeValues={":mark": {"BS": [holder.mark]}},
        )
        if released is None or "holders" in released:
            return None
        closed = self._update(
            _picture_pk(digest),
            UpdateExpression="SET closed = :yes",
            ConditionExpression="attribute_exists(pk) AND attribute_not_exists(holders)",
            ExpressionAttributeValues={":yes": {"BOOL": True}},
        )
        return _picture(closed) if closed else None

    def is_being_made(self, digest: str) -> bool:
        item = self._get(_picture_pk(digest)) or {}
        return any(name.startswith("making_") and float(value["N"]) > self._clock() for name, value in item.items())

    def remove(self, digest: str) -> None:
        self._delete_item(_key(_picture_pk(digest)))

    def begin(self, rendition: Rendition) -> bool:
        updated = self._update(
            _picture_pk(rendition.digest),
            UpdateExpression="SET #making = :until",
            ConditionExpression=f"{_OPEN} AND (attribute_not_exists(#making) OR #making < :now)",
            ExpressionAttributeNames={"#making": _making(rendition)},
            ExpressionAttributeValues={
                ":now": {"N": str(self._clock())},
                ":until": {"N": str(self._clock() + MAKING_SECONDS)},
            },
        )
        return updated is not None

    def end(self, rendition: Rendition) -> None:
        self._update(
            _picture_pk(rendition.digest),
            UpdateExpression="REMOVE #making",
            ConditionExpression="attribute_exists(pk)",
            ExpressionAttributeNames={"#making": _making(rendition)},
        )


class DynamoDBOriginals(_Table):
    """Originals on DynamoDB."""

    def find(self, holders: Collection[Holder], *, consistent: bool = False) -> dict[Holder, Original]:
        keys = [_original_key(holder) for holder in dict.fromkeys(holders)]
        copies: dict[Holder, Original] = {}
        for item in batch_get(self._client, self._table, keys, consistent=consistent):
            _, merchant_id, gallery_id = item["pk"]["S"].split("/", 2)
            holder = Holder(merchant_id, gallery_id, item["sk"]["S"])
            copies[holder] = Original(item["digest"]["S"], item["url"]["S"], _picture(item))
        return copies

    def put(self, holder: Holder, original: Original) -> None:
        picture = original.picture
        item: dict[str, Any] = {
            **_original_key(holder),
            "digest": {"S": original.digest},
            "url": {"S": original.url},
            "width": {"N": str(picture.width)},
            "height": {"N": str(picture.height)},
            "placeholder": {"B": picture.placeholder},
            "animated": {"BOOL": picture.animated},
        }
        self._put_item(item)

    def remove(self, holder: Holder, digest: str) -> None:
        with suppress(ConditionFailed):
            self._delete_item(
                _original_key(holder),
                ConditionExpression="digest = :digest",
                ExpressionAttributeValues={":digest": {"S": digest}},
            )


class DynamoDBHoldings(_Table):
    """Holdings on DynamoDB."""

    @contextmanager
    def alone(self, holder: Holder) -> Iterator[set[str]]:
        pk = _holder_pk(holder)
        item = self._lease(pk)
        try:
            yield set(item.get("digests", {}).get("SS", ()))
        finally:
            released = self._update(pk, UpdateExpression="REMOVE busy_until") or {}
            if "digests" not in released:
                self._delete_empty(pk)

    def add(self, holder: Holder, digest: str) -> None:
        self._digests(holder, "ADD", digest)

    def drop(self, holder: Holder, digest: str) -> None:
        self._digests(holder, "DELETE", digest)

    def note_withdrawal(self, holder: Holder, digest: str, at: datetime) -> None:
        item: dict[str, Any] = {
            "pk": {"S": _withdrawn_pk(holder.merchant_id, holder.gallery_id)},
            "sk": {"S": digest},
            "image_id": {"S": holder.image_id},
            "at": {"S": to_rfc3339(at)},
            "expires_at": {"N": str(int((at + _WITHDRAWALS_KEPT).timestamp()))},
        }
        self._put_item(item)

    def list_withdrawals(self, merchant_id: str, gallery_id: str) -> list[Withdrawal]:
        items = query_partition(self._client, self._table, _withdrawn_pk(merchant_id, gallery_id))
        withdrawals = [
            Withdrawal(item["image_id"]["S"], item["sk"]["S"], from_rfc3339(item["at"]["S"])) for item in items
        ]
        return sorted(withdrawals, key=lambda withdrawal: withdrawal.at, reverse=True)

    def _digests(self, holder: Holder, action: str, digest: str) -> None:
        self._update(
            _holder_pk(holder),
            UpdateExpression=f"{action} digests :digest",
            ExpressionAttributeValues={":digest": {"SS": [digest]}},
        )

    def _lease(self, pk: str) -> dict[str, Any]:
        for pause in _WAITS_SECONDS:
            now = self._clock()
            item = self._update(
                pk,
                UpdateExpression="SET busy_until = :until",
                ConditionExpression="attribute_not_exists(busy_until) OR busy_until < :now",
                ExpressionAttributeValues={":now": {"N": str(now)}, ":until": {"N": str(now + WORKING_SECONDS)}},
            )
            if item is not None:
                return item
            time.sleep(pause)
        raise PictureBusy

    def _delete_empty(self, pk: str) -> None:
        with suppress(ConditionFailed):
            self._delete_item(
                _key(pk),
                ConditionExpression="attribute_not_exists(digests) AND attribute_not_exists(busy_until)",
            )


def _key(pk: str) -> dict[str, Any]:
    return {"pk": {"S": pk}, "sk": {"S": "-"}}


def _picture_pk(digest: str) -> str:
    return f"picture/{digest}"


def _holder_pk(holder: Holder) -> str:
    return "/".join(("holder", *holder))


def _original_key(holder: Holder) -> dict[str, Any]:
    return {"pk": {"S": f"original/{holder.merchant_id}/{holder.gallery_id}"}, "sk": {"S": holder.image_id}}


def _withdrawn_pk(merchant_id: str, gallery_id: str) -> str:
    return f"withdrawn/{merchant_id}/{gallery_id}"


def _making(rendition: Rendition) -> str:
    return f"making_{rendition.width}.{rendition.format}"


def _picture(item: dict[str, Any]) -> Picture:
    return Picture(
        int(item["width"]["N"]), int(item["height"]["N"]), bytes(item["placeholder"]["B"]), item["animated"]["BOOL"]
    )
