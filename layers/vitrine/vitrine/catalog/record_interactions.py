"""Record interactions, each once by its id."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeVar

from vitrine.catalog.model import UserKey
from vitrine.catalog.ports import REPLACE_LIMIT
from vitrine.platform.problems import NotFound
from vitrine.platform.retries import retry

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from vitrine.catalog.model import Interaction
    from vitrine.catalog.ports import InteractionRepository

Result = TypeVar("Result")
Status = Literal["created", "updated", "unchanged"]

_PARALLEL_USERS = 16


class Sent(NamedTuple):
    """An interaction as a client sent it. `says_when` is False if its time is the time of arrival."""

    interaction: Interaction
    says_when: bool = True


class Recorded(NamedTuple):
    """A stored interaction, and what the request changed."""

    interaction: Interaction
    status: Status


def record_interactions(
    repository: InteractionRepository,
    merchant_id: str,
    interactions: Sequence[Sent],
    on_purchase: Callable[[UserKey], None],
) -> list[Recorded]:
    """Add or change interactions; return the results in their order, once all are stored.

    Of several interactions with one id the last one counts. `on_purchase` is called for every user with a purchase,
    also if the purchase was stored before: an earlier request may have stopped between storing and calling it.
    """
    by_user: dict[UserKey, dict[str, Sent]] = {}
    for sent in interactions:
        user = UserKey(merchant_id, sent.interaction.user_id)
        by_user.setdefault(user, {})[sent.interaction.interaction_id] = sent
    with ThreadPoolExecutor(_PARALLEL_USERS) as pool:
        results = pool.map(lambda user: _record_user(repository, user, list(by_user[user].values())), by_user)
        recorded = dict(zip(by_user, results, strict=True))
    for user, latest in by_user.items():
        if any(sent.interaction.type == "purchase" for sent in latest.values()):
            on_purchase(user)
    return [
        recorded[UserKey(merchant_id, interaction.user_id)][interaction.interaction_id]
        for interaction, _ in interactions
    ]


def remove_interaction(repository: InteractionRepository, user: UserKey, interaction_id: str) -> None:
    """Delete one interaction. Raises NotFound."""

    def attempt() -> bool:
        before = repository.find_interactions(user, [interaction_id]).get(interaction_id)
        if before is None:
            return False
        repository.replace_interactions(user, [(before, None)])
        return True

    if not _retry(attempt):
        raise NotFound(f"The user has no interaction {interaction_id}.")


def _record_user(repository: InteractionRepository, user: UserKey, sent: list[Sent]) -> dict[str, Recorded]:
    recorded: dict[str, Recorded] = {}
    for start in range(0, len(sent), REPLACE_LIMIT):
        chunk = sent[start : start + REPLACE_LIMIT]
        recorded |= _retry(partial(_record_chunk, repository, user, chunk))
    return recorded


def _record_chunk(repository: InteractionRepository, user: UserKey, chunk: list[Sent]) -> dict[str, Recorded]:
    stored = repository.find_interactions(user, [sent.interaction.interaction_id for sent in chunk])
    recorded: dict[str, Recorded] = {}
    changes: list[tuple[Interaction | None, Interaction | None]] = []
    for interaction, says_when in chunk:
        before = stored.get(interaction.interaction_id)
        after = interaction if says_when or before is None else replace(interaction, occurred_at=before.occurred_at)
        status: Status = "unchanged" if after == before else "updated" if before else "created"
        recorded[interaction.interaction_id] = Recorded(after, status)
        if after != before:
            changes.append((before, after))
    new = [change for change in changes if change[0] is None]
    if new:
        repository.replace_interactions(user, new)
    for change in changes:
        if change[0] is not None:
            repository.replace_interactions(user, [change])
    return recorded


def _retry(attempt: Callable[[], Result]) -> Result:
    return retry(attempt, refusal="Others are changing the same interactions. Send the request again.")
