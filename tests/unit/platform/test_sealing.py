"""What is sealed opens where it was sealed, and nowhere else."""

from __future__ import annotations

from hypothesis import given
from hypothesis.strategies import binary, text

from vitrine.platform.sealing import seal, unseal

SECRETS = text(min_size=1, max_size=80)


@given(SECRETS, binary(max_size=80), binary(max_size=2000))
def test_what_is_sealed_opens(secret: str, context: bytes, payload: bytes) -> None:
    assert unseal(secret, context, seal(secret, context, payload)) == payload


def test_another_secret_or_context_opens_nothing() -> None:
    sealed = seal("secret", b"here", b"payload")
    assert unseal("Secret", b"here", sealed) is None
    assert unseal("secret", b"there", sealed) is None
    assert unseal("secret", b"here", b"") is None


def test_no_bit_of_it_can_be_altered() -> None:
    sealed = bytearray(seal("secret", b"here", b"payload"))
    for at in range(len(sealed) * 8):
        sealed[at // 8] ^= 1 << at % 8
        assert unseal("secret", b"here", bytes(sealed)) is None
        sealed[at // 8] ^= 1 << at % 8


def test_payloads_that_differ_in_a_digit_share_nothing_but_their_length() -> None:
    one, other = (seal("secret", b"here", b"weight %d" % weight) for weight in (1, 2))
    assert len(one) == len(other)
    assert sum(a == b for a, b in zip(one, other, strict=True)) < 8
