"""What a query means, learned from the documents."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vitrine.search.relevance import (
    KIND,
    TraitCount,
    heads,
    kind_of,
    measures,
    parse,
    plurals,
    spellings,
    traits,
    words,
)


@pytest.mark.parametrize(
    ("name", "tags", "expected"),
    [
        ("", (), []),
        ("Camera battery", (), ["battery"]),
        ("Camera battery - replaces NB-7L", (), ["7l", "battery", "nb"]),
        ("Acme keyboard K120 black, German", (), ["black", "german", "keyboard"]),
        ("K120", ("Wireless keyboard",), ["k120", "keyboard"]),
        ("T-shirt", ("!",), ["shirt"]),
    ],
)
def test_heads_end_a_part_of_the_name_or_a_tag_or_stand_before_a_number(
    name: str, tags: tuple[str, ...], expected: list[str]
) -> None:
    assert heads(name, tags) == expected


def test_traits_are_tags_and_the_labels_of_lines() -> None:
    text = "Cable length: 2 m\n  COLOUR : black\nA sentence without a label\n12: no label"
    assert traits(text, ("New in", "...")) == ["label cable length", "label colour", "tag new in"]


def test_a_text_of_many_labels_gives_a_bounded_number_of_traits() -> None:
    assert len(traits("\n".join(f"label {n}: x" for n in range(1000)), ())) == 100


def test_traits_that_examples_share_and_others_lack_get_the_most() -> None:
    counts = [
        TraitCount("label layout", 9, 10),
        TraitCount("label interface", 9, 100),
        TraitCount("label colour", 5, 900),
        TraitCount("tag new", 1, 2),
    ]
    kind = kind_of(10, 1000, counts)
    assert kind is not None
    boosts = kind.boosts
    assert list(boosts) == ["label layout", "label interface"]
    assert boosts["label layout"] > boosts["label interface"]
    assert sum(boosts.values()) == pytest.approx(KIND)


@pytest.mark.parametrize(("examples", "documents"), [(2, 1000), (10, 10)])
def test_two_examples_and_traits_of_every_document_show_nothing(examples: int, documents: int) -> None:
    assert kind_of(examples, documents, [TraitCount("label layout", examples, examples)]) is None


def test_documents_with_a_fifth_of_an_examples_traits_are_of_the_same_kind() -> None:
    kind = kind_of(10, 1000, [TraitCount("label layout", 10, 10), TraitCount("label keys", 5, 10)])
    assert kind is not None
    assert kind.fit == pytest.approx(kind.boosts["label layout"] + kind.boosts["label keys"] / 2)
    assert not kind.is_another(0.21 * kind.fit)
    assert kind.is_another(0.19 * kind.fit)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('15" screen', {"381mm": ("15",)}),
        ("15-inch", {"381mm": ("15", "inch")}),
        ("38,1 CM", {"381mm": ("38", "1", "cm")}),
        ("500ml", {"500ml": ("500ml",)}),
        ("0.5 l and 1 TB", {"500ml": ("0", "5", "l"), "1e+06mb": ("1", "tb")}),
        ("K15 inch, 15 inches1, v1.2.15 m", {}),
        ("15 \u0130n, 15 \u0131n", {}),
        ("\u0661\u0665 cm", {"150mm": ("\u0661\u0665", "cm")}),
    ],
)
def test_amounts_have_one_spelling(text: str, expected: dict[str, tuple[str, ...]]) -> None:
    assert measures(text) == expected


@pytest.mark.parametrize(
    ("text", "phrases"),
    [
        ('15" screen 17"', ()),
        ('15" "full hd"', (("full", "hd"),)),
        ('("a b")', (("a", "b"),)),
        ('"size 15"', (("size", "15"),)),
    ],
)
def test_inch_marks_open_no_phrase(text: str, phrases: tuple[tuple[str, ...], ...]) -> None:
    assert parse(text).phrases == phrases


@given(st.text(st.characters(max_codepoint=0x24F)))
def test_words_are_their_own_words_and_have_a_spelling(text: str) -> None:
    found = words(text)
    assert words(" ".join(found)) == found
    assert all(words(spelled) and word in words(spelled) for word, spelled in spellings(text).items())


def test_spellings_keep_accents() -> None:
    assert spellings("Für CAFÉ, cafe\u0301") == {"fur": "für", "cafe": "café"}


def test_hits_need_no_stop_words_unless_there_are_only_those() -> None:
    stops = {"the", "for"}
    parsed = parse("the lamp for the desk", stop_words=stops)
    assert (parsed.required, parsed.optional) == (("lamp", "desk"), ("the", "for"))
    assert parsed.forms_of_last == ("desk", "desks")
    assert parsed.example_terms == [[[("name", "lamp")]], [[("heads", "desk")]]]
    parsed = parse("for the", stop_words=stops)
    assert (parsed.required, parsed.optional) == (("for", "the"), ())


@given(st.text("as", min_size=1, max_size=4))
def test_a_plural_is_a_form_of_its_word_and_no_form_is_empty(word: str) -> None:
    assert plurals(word)[0] == word
    assert f"{word}s" in plurals(word)
    assert word in plurals(f"{word}s")
    assert all(plurals(word))
