"""What shoppers do is recorded, each interaction once by its id."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeVar

from vitrine.catalog.model import UserKey
from vitrine.catalog.ports import REPLACE_LIMIT, StaleInteractions
from vitrine.platform.problems import NotFound, Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from vitrine.catalog.model import Interaction
    from vitrine.catalog.ports import InteractionStore

Result = TypeVar("Result")
Status = Literal["created", "updated", "unchanged"]

_PARALLEL_USERS = 16
_ATTEMPTS = 6


class Sent(NamedTuple):
    """An interaction as it was sent. `says_when` is false where the time is that of its arrival."""

    interaction: Interaction
    says_when: bool = True


class Recorded(NamedTuple):
    """What became of an interaction, as it is stored now."""

    interaction: Interaction
    status: Status


def record_interactions(
    store: InteractionStore,
    merchant_id: str,
    interactions: Sequence[Sent],
    on_purchase: Callable[[UserKey], None],
) -> list[Recorded]:
    """Add or change interactions; answers in their order, once all are stored.

    The last of several with one id counts. `on_purchase` hears of every user with a purchase, also of one that
    was stored before: the first sender may have died between storing and telling.
    """
    by_user: dict[UserKey, dict[str, Sent]] = {}
    for sent in interactions:
        user = UserKey(merchant_id, sent.interaction.user_id)
        by_user.setdefault(user, {})[sent.interaction.interaction_id] = sent
    with ThreadPoolExecutor(_PARALLEL_USERS) as pool:
        done = pool.map(lambda user: _record_user(store, user, list(by_user[user].values())), by_user)
        recorded = dict(zip(by_user, done, strict=True))
    for user, latest in by_user.items():
        if any(sent.interaction.type == "purchase" for sent in latest.values()):
            on_purchase(user)
    return [recorded[UserKey(merchant_id, it.user_id)][it.interaction_id] for it, _ in interactions]


def remove_interaction(store: InteractionStore, user: UserKey, interaction_id: str) -> None:
    """Take one interaction away. Raises NotFound."""

    def attempt() -> bool:
        before = store.find_interactions(user, [interaction_id]).get(interaction_id)
        if before is None:
            return False
        store.replace_interactions(user, [(before, None)])
        return True

    if not _while_stale(attempt):
        raise NotFound(f"The user has no interaction {interaction_id}.")


def _record_user(store: InteractionStore, user: UserKey, sent: list[Sent]) -> dict[str, Recorded]:
    recorded: dict[str, Recorded] = {}
    for start in range(0, len(sent), REPLACE_LIMIT):
        chunk = sent[start : start + REPLACE_LIMIT]
        recorded |= _while_stale(partial(_record_chunk, store, user, chunk))
    return recorded


def _record_chunk(store: InteractionStore, user: UserKey, chunk: list[Sent]) -> dict[str, Recorded]:
    stored = store.find_interactions(user, [it.interaction_id for it, _ in chunk])
    recorded: dict[str, Recorded] = {}
    changes: list[tuple[Interaction | None, Interaction | None]] = []
    for it, says_when in chunk:
        earlier = stored.get(it.interaction_id)
        now = it if says_when or earlier is None else replace(it, occurred_at=earlier.occurred_at)
        status: Status = "unchanged" if now == earlier else "updated" if earlier else "created"
        recorded[it.interaction_id] = Recorded(now, status)
        if now != earlier:
            changes.append((earlier, now))
    new = [change for change in changes if change[0] is None]
    if new:
        store.replace_interactions(user, new)
    for change in changes:
        if change[0] is not None:
            store.replace_interactions(user, [change])
    return recorded


def _while_stale(attempt: Callable[[], Result]) -> Result:
    for _ in range(_ATTEMPTS):
        try:
            return attempt()
        except StaleInteractions:
            continue
    raise Unavailable("Others are changing the same interactions. Send the request again.", 1)
