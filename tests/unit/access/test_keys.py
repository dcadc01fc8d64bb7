"""Keys are made, rolled and revoked, and authorizers remember them for a while."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import count
from typing import TYPE_CHECKING

import pytest

from tests.memory.access import AccessInMemory
from vitrine.access.authorize_key import KeyAuthorizer
from vitrine.access.manage_keys import (
    NewKey,
    create_key,
    create_merchant,
    find_key,
    revoke_key,
    roll_identity_secret,
    roll_key,
)
from vitrine.platform.problems import Conflict, InvalidRequest, NotFound, Unavailable

if TYPE_CHECKING:
    from vitrine.access.model import KeyRole

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
SECOND, HOUR = timedelta(seconds=1), timedelta(hours=1)


class Shop:
    """A merchant `shop`, and its keys."""

    def __init__(self, repository: AccessInMemory | None = None) -> None:
        self.repository = repository or AccessInMemory()
        self._numbers = count()
        create_merchant(self.repository, "shop", "Shop", now=NOON, random_text=self.random_text)

    def random_text(self) -> str:
        return f"{next(self._numbers):032}"

    def make(self, role: KeyRole, *, origins: tuple[str, ...] = (), reviewer: str | None = None) -> NewKey:
        return create_key(
            self.repository,
            "shop",
            role,
            60,
            now=NOON,
            random_text=self.random_text,
            origins=origins,
            reviewer=reviewer,
        )

    def authorizer(self, seconds: int = 60) -> KeyAuthorizer:
        return KeyAuthorizer(self.repository, timedelta(seconds=seconds))


class TestRememberedKeys:
    @pytest.mark.parametrize(
        ("kind", "reads", "seconds"),
        [("publishable", True, 60), ("publishable", False, 5), ("secret", True, 5), ("secret", False, 5)],
    )
    def test_are_asked_for_once_and_a_revoked_one_works_no_longer_than_that(
        self, kind: KeyRole, reads: bool, seconds: int
    ) -> None:
        shop = Shop()
        made = shop.make(kind)
        keys = shop.authorizer()
        assert keys.authorize(made.text, NOON, reads=reads)
        revoke_key(shop.repository, "shop", made.key.key_id, now=NOON)
        assert keys.authorize(made.text, NOON + (seconds - 1) * SECOND, reads=reads)
        assert shop.repository.reads == 1
        assert keys.authorize(made.text, NOON + seconds * SECOND, reads=reads) is None
        assert keys.authorize(made.text, NOON, reads=reads) is None

    def test_a_use_is_noted_once_an_hour(self) -> None:
        shop = Shop()
        made = shop.make("secret")

        def used_at(after: timedelta) -> datetime | None:
            assert shop.authorizer(seconds=0).authorize(made.text, NOON + after)  # a process that remembers nothing
            return find_key(shop.repository, "shop", made.key.key_id).last_used_at

        seen = [used_at(timedelta(minutes=minutes)) for minutes in (0, 1, 59, 60, 61)]
        assert seen == [NOON, NOON, NOON, NOON + HOUR, NOON + HOUR]

    def test_a_use_that_cannot_be_noted_fails_no_request(self) -> None:
        class Busy(AccessInMemory):
            def note_use(self, digest: str, used_at: datetime, unless_after: datetime) -> None:
                raise Unavailable("busy", 1)

        shop, noted = Shop(Busy()), list[Exception]()
        assert KeyAuthorizer(shop.repository, HOUR, noted.append).authorize(shop.make("secret").text, NOON)
        assert len(noted) == 1

    def test_an_unknown_one_is_not_remembered(self) -> None:
        repository = AccessInMemory()
        keys = KeyAuthorizer(repository, timedelta(seconds=60))
        text = "pk_" + "x" * 32
        assert keys.authorize(text, NOON) is None
        create_merchant(repository, "shop", "", now=NOON, random_text=lambda: "secret")
        made = create_key(repository, "shop", "publishable", 60, now=NOON, random_text=lambda: "x" * 32)
        assert made.text == text
        assert keys.authorize(text, NOON)

    def test_what_has_no_keys_form_is_not_looked_up(self) -> None:
        shop = Shop()
        for text in ("", "sk_", "é", "pk_" + "x" * 9000, "\ud800", "sk_x\n"):
            assert shop.authorizer().authorize(text, NOON) is None
        assert shop.repository.reads == 0


class TestKeys:
    def test_a_successor_has_the_same_properties_and_the_old_key_holds_for_the_overlap(self) -> None:
        shop = Shop()
        made = shop.make("publishable", origins=("https://Shop.example",))
        rolled = roll_key(shop.repository, made.key, HOUR, now=NOON, random_text=shop.random_text)
        assert (rolled.key.origins, rolled.key.role) == (("https://shop.example",), "publishable")
        for at, holding in ((NOON, [True, True]), (NOON + HOUR, [False, True])):
            assert [bool(shop.authorizer().authorize(key.text, at)) for key in (made, rolled)] == holding
        with pytest.raises(Conflict):
            roll_key(shop.repository, made.key, HOUR, now=NOON, random_text=shop.random_text)

    def test_revoking_ends_an_overlap(self) -> None:
        shop = Shop()
        made = shop.make("editor")
        roll_key(shop.repository, made.key, HOUR, now=NOON, random_text=shop.random_text)
        for _ in range(2):
            revoke_key(shop.repository, "shop", made.key.key_id, now=NOON)
        assert shop.authorizer().authorize(made.text, NOON) is None

    def test_of_others_are_not_found(self) -> None:
        shop = Shop()
        made = shop.make("secret")
        with pytest.raises(NotFound):
            find_key(shop.repository, "other", made.key.key_id)
        with pytest.raises(NotFound):
            create_key(shop.repository, "other", "secret", 60, now=NOON, random_text=shop.random_text)
        with pytest.raises(Conflict):
            create_merchant(shop.repository, "shop", "", now=NOON, random_text=shop.random_text)

    @pytest.mark.parametrize(
        ("role", "origins", "reviewer", "pointers"),
        [
            ("secret", ("https://a.example",), None, ["/origins"]),
            ("reviewer", (), None, ["/reviewer"]),
            ("editor", (), "ann", ["/reviewer"]),
            ("reviewer", ("https://a.example",), "", ["/origins", "/reviewer"]),
        ],
    )
    def test_have_only_the_properties_of_their_role(
        self, role: KeyRole, origins: tuple[str, ...], reviewer: str | None, pointers: list[str]
    ) -> None:
        with pytest.raises(InvalidRequest) as refused:
            Shop().make(role, origins=origins, reviewer=reviewer)
        assert [error.pointer for error in refused.value.errors] == pointers


def test_identity_secrets_roll_and_come_with_a_publishable_key_alone() -> None:
    shop = Shop()
    publishable, secret = shop.make("publishable"), shop.make("secret")
    [first] = granted(shop, publishable, NOON)
    fresh = roll_identity_secret(shop.repository, "shop", HOUR, now=NOON, random_text=shop.random_text)
    assert granted(shop, publishable, NOON) == (fresh, first)
    assert granted(shop, publishable, NOON + HOUR) == (fresh,)
    assert granted(shop, secret, NOON) == ()
    with pytest.raises(NotFound):
        roll_identity_secret(shop.repository, "other", HOUR, now=NOON, random_text=shop.random_text)


def granted(shop: Shop, made: NewKey, now: datetime) -> tuple[str, ...]:
    grant = shop.authorizer(seconds=0).authorize(made.text, now)
    assert grant
    return grant.identity_secrets
