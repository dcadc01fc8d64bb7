"""Whom a key may name, and how identity secrets are rolled."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from vitrine.access.model import IdentitySecret, rolled, sent_key, sign_user_token, trusted_user_id, valid_secrets

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
SECRETS = ["new secret", "old secret"]
VISITOR = "visitor:" + "a1_-" * 5 + "xy"


def expiry(**ahead: float) -> int:
    return int((NOON + timedelta(**ahead)).timestamp())


def trusted(user_id: str | None, token: str | None = None, kind: str = "publishable") -> str | None:
    return trusted_user_id(kind, user_id, token, SECRETS, NOON)  # type: ignore[arg-type]


class TestTrustedUser:
    def test_a_secret_key_names_everyone(self) -> None:
        assert trusted("ann", kind="secret") == "ann"

    @pytest.mark.parametrize("user_id", [VISITOR, "visitor:" + "x" * 120])
    def test_a_visitor_that_nobody_can_guess_needs_no_token(self, user_id: str) -> None:
        assert trusted(user_id) == user_id

    @pytest.mark.parametrize(
        "user_id",
        ["ann", VISITOR[:-1], VISITOR + ".", VISITOR.upper(), "x" + VISITOR, VISITOR + "\n", "visitor:" + "é" * 22, ""],
    )
    def test_everyone_else_does(self, user_id: str) -> None:
        assert trusted(user_id) is None

    @pytest.mark.parametrize("secret", SECRETS)
    def test_a_token_of_any_secret_that_holds_names_its_user(self, secret: str) -> None:
        for ahead in ({"seconds": 1}, {"hours": 24}):
            assert trusted("ann", sign_user_token(secret, "ann", expiry(**ahead))) == "ann"

    def test_padding_may_stay_on_a_token(self) -> None:
        assert trusted("ann", sign_user_token(SECRETS[0], "ann", expiry(hours=1)) + "=") == "ann"

    def test_a_token_is_of_its_user_its_secret_and_its_time_alone(self) -> None:
        good = sign_user_token(SECRETS[0], "ann", expiry(hours=1))
        later = sign_user_token(SECRETS[0], "ann", expiry(hours=2))
        version, _, signature = good.split(".")
        refused = [
            sign_user_token(SECRETS[0], "bob", expiry(hours=1)),
            sign_user_token("another secret", "ann", expiry(hours=1)),
            sign_user_token(SECRETS[0], "ann", expiry(seconds=0)),
            sign_user_token(SECRETS[0], "ann", expiry(hours=-1)),
            sign_user_token(SECRETS[0], "ann", expiry(hours=24, seconds=1)),
            ".".join([version, later.split(".")[1], signature]),
            ".".join(["v2", *good.split(".")[1:]]),
            good[:-1],
            good + "A",
            good + "==",
            "x" + good,
            good.replace("v1.", "v1.0"),
            f"v1.+{expiry(hours=1)}.{signature}",
            f"v1.{'9' * 5000}.{signature}",
            f"v1..{signature}",
            "",
            "é",
        ]
        assert [trusted("ann", token) for token in refused] == [None] * len(refused)

    def test_every_bit_of_a_signature_counts(self) -> None:
        good = sign_user_token(SECRETS[0], "ann", expiry(hours=1))
        start = good.rindex(".") + 1
        others = [good[:at] + ("A" if good[at] != "A" else "B") + good[at + 1 :] for at in range(start, len(good))]
        assert {trusted("ann", other) for other in others} == {None}

    def test_a_merchant_without_a_secret_trusts_no_token(self) -> None:
        token = sign_user_token("", "ann", expiry(hours=1))
        assert trusted_user_id("publishable", "ann", token, [], NOON) is None


class TestRolling:
    def test_the_earlier_secret_holds_for_the_overlap(self) -> None:
        secrets = rolled([IdentitySecret("first")], "second", NOON, timedelta(hours=24))
        assert valid_secrets(secrets, NOON + timedelta(hours=23)) == ["second", "first"]
        assert valid_secrets(secrets, NOON + timedelta(hours=24)) == ["second"]

    def test_rolling_again_lengthens_no_ones_time(self) -> None:
        once = rolled([IdentitySecret("first")], "second", NOON, timedelta(hours=24))
        twice = rolled(once, "third", NOON + timedelta(hours=12), timedelta(hours=24))
        assert valid_secrets(twice, NOON + timedelta(hours=13)) == ["third", "second", "first"]
        assert valid_secrets(twice, NOON + timedelta(hours=25)) == ["third", "second"]

    def test_without_overlap_all_earlier_ones_end_at_once(self) -> None:
        once = rolled([IdentitySecret("first")], "second", NOON, timedelta(hours=24))
        assert rolled(once, "third", NOON, timedelta(0)) == (IdentitySecret("third"),)


class TestSentKey:
    def test_it_comes_in_the_header_or_in_the_query(self) -> None:
        assert sent_key("pk_a", []) == sent_key("", ["pk_a"]) == sent_key("pk_a", ["pk_a", "pk_a"]) == "pk_a"

    def test_none_or_several_are_no_key(self) -> None:
        assert sent_key("", []) == sent_key("pk_a", ["pk_b"]) == sent_key("", ["pk_a", "pk_b"]) == ""
        assert sent_key("pk_a", [""]) == ""
