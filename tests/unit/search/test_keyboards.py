"""Slips of the fingers on the keyboards of languages."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vitrine.search.keyboards import meant
from vitrine.search.languages import Language


@pytest.mark.parametrize(
    ("language", "typed", "right"),
    [
        (Language.ENGLISH, "hpuse", "house"),
        (Language.ENGLISH, "huose", "house"),
        (Language.ENGLISH, "keyvoard", "keyboard"),
        (Language.ENGLISH, "krttle", "kettle"),
        (Language.ENGLISH, "ksttle", "kettle"),
        (Language.GERMAN, "krezz", "kreuz"),
        (Language.GERMAN, "satx", "saty"),
        (Language.FRENCH, "chqise", "chaise"),
        (Language.FRENCH, "lalpe", "lampe"),
        (Language.SWEDISH, "lsmpa", "lampa"),
    ],
)
def test_neighbouring_keys_and_swapped_letters_are_slips(language: Language, typed: str, right: str) -> None:
    assert right in meant(typed, language)


@pytest.mark.parametrize(
    ("language", "typed", "right"),
    [
        (Language.ENGLISH, "hause", "house"),
        (Language.ENGLISH, "jouse", "house"),
        (Language.ENGLISH, "chqise", "chaisd"),
        (Language.GERMAN, "kreyz", "kreuz"),
        (Language.ENGLISH, "hous", "house"),
    ],
)
def test_other_differences_are_none(language: Language, typed: str, right: str) -> None:
    assert right not in meant(typed, language)


@given(st.text("abcdefghijklmnopqrstuvwxyz", max_size=12), st.sampled_from(Language))
def test_a_slip_works_both_ways(word: str, language: Language) -> None:
    assert word not in meant(word, language)
    assert all(word in meant(other, language) for other in meant(word, language))


def test_very_long_words_have_none() -> None:
    assert meant("a" * 31, Language.ENGLISH) == set()
