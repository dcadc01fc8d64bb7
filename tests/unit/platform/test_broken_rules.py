"""Whoever sends something wrong reads what is wrong with it in plain words, whatever reads it."""

from __future__ import annotations

import json
from importlib import import_module
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import ValidationError

from commands.openapi import routes
from vitrine.catalog.requests import PostInteractionsRequest, PutProductRequest
from vitrine.imports.wiring import KINDS
from vitrine.platform.broken_rules import broken_rules
from vitrine.platform.http import parse_json
from vitrine.platform.problems import InvalidRequest

if TYPE_CHECKING:
    from pydantic import BaseModel

WRONG: list[Any] = [
    None,
    True,
    -1,
    1.5,
    10**30,
    1e300,
    "",
    "x" * 9000,
    " ",
    "1e9",
    [],
    ["", 1, None, {}],
    {},
    {"a": [1]},
]
RAW_WORDS = ("Input", "should", "Value error", "valid ", "Extra inputs", "Field required", "type=", "not accepted")
BODIES = sorted({route.body for route in routes() if route.body})


def bodies(model: type[BaseModel], wrong: Any) -> list[Any]:
    """Bodies that are wrong as a whole, in each field, and in each field of the items of a list."""
    lists = [{name: [wrong]} for name in model.model_fields]
    items = [{name: [{inner: wrong}]} for name in model.model_fields for inner in inner_fields(model, name)]
    return [wrong, {"surplus": wrong}, *({name: wrong} for name in model.model_fields), *lists, *items]


def inner_fields(model: type[BaseModel], name: str) -> list[str]:
    item = next(iter(getattr(model.model_fields[name].annotation, "__args__", ())), None)
    return list(getattr(item, "model_fields", ()))


@pytest.mark.parametrize("path", BODIES)
def test_no_body_meets_the_words_of_a_validator(path: str) -> None:
    module, _, name = path.partition(":")
    model = getattr(import_module(module), name)
    for wrong in WRONG:
        for body in bodies(model, wrong):
            try:
                parse_json(json.dumps(body).encode(), model)
            except InvalidRequest as error:
                for broken in error.errors:
                    assert not any(word in broken.detail for word in RAW_WORDS), (body, broken)


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_no_row_meets_the_words_of_a_validator(kind: str) -> None:
    model = KINDS[kind]().row
    for wrong in [*WRONG, "maybe", float("nan")]:
        for row in ({name: wrong} for name in model.model_fields):
            try:
                model.model_validate(row)
            except ValidationError as error:
                for rule in broken_rules(error):
                    assert not any(word in rule.detail for word in RAW_WORDS), (row, rule)


@pytest.mark.parametrize(
    ("change", "pointer", "detail"),
    [
        ({"name": None}, "/name", "must be text"),
        ({"name": ""}, "/name", "must have at least 1 character"),
        ({"name": "x" * 501}, "/name", "must have at most 500 characters"),
        ({"price": "5"}, "/price", "must be a number"),
        ({"price": -1}, "/price", "must be at least 0"),
        ({"price": 2e12}, "/price", "must be at most 1000000000000"),
        ({"currency": "eur"}, "/currency", "must match ^[A-Z]{3}$"),
        ({"tags": "red"}, "/tags", "must be a list"),
        ({"tags": {"red": True}}, "/tags", "must be a list"),
        ({"tags": 5}, "/tags", "must be a list"),
        ({"tags": [5]}, "/tags/0", "must be text"),
        ({"tags": ["x"] * 51}, "/tags", "must have at most 50 items"),
        ({"attributes": []}, "/attributes", "must be an object"),
        ({"attributes": {str(n): n for n in range(101)}}, "/attributes", "must have at most 100 fields"),
        ({"available": "yes"}, "/available", "must be true or false"),
        ({"image_url": "ftp://a"}, "/image_url", "must be an absolute http or https address"),
        ({"colour": 1}, "/colour", "is not a known field; correct its name or leave it out"),
    ],
)
def test_a_product_is_refused_in_plain_words(change: dict[str, Any], pointer: str, detail: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        parse_json(json.dumps({"name": "Tea", **change}).encode(), PutProductRequest)
    assert refused.value.errors == ((pointer, detail),)


@pytest.mark.parametrize(
    ("tags", "stored"), [(["red", "blue"], ("red", "blue")), ([], ()), (None, ())], ids=["some", "empty", "null"]
)
def test_a_product_has_tags(tags: list[str] | None, stored: tuple[str, ...]) -> None:
    body = parse_json(json.dumps({"name": "Tea", "tags": tags}).encode(), PutProductRequest)
    assert body.product("tea").tags == stored


def test_an_item_is_refused_in_plain_words() -> None:
    wrong = {"product_id": "a b", "type": "see", "interaction_id": "1"}
    with pytest.raises(InvalidRequest) as refused:
        parse_json(json.dumps({"interactions": [wrong]}).encode(), PostInteractionsRequest)
    assert refused.value.errors == (
        ("/interactions/0/product_id", "must be 1 to 128 letters, digits or . _ ~ : -"),
        ("/interactions/0/type", "must be 'view', 'click' or 'purchase'"),
        ("/interactions/0/user_id", "must be given"),
    )
