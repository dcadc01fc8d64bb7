"""What a request body or a row breaks, in words for the person who sent it.

pydantic's own messages never leave the product: they speak of "input" and of Python's types, and change with its
versions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from vitrine.platform.ids import ID_PATTERN, ID_RULE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import ValidationError

_OTHERWISE = "has a value that is not accepted"
_TEXT = "must be text"
_LIST = "must be a list"
_OBJECT = "must be an object"
_NUMBER = "must be a number"
_WHOLE_NUMBER = "must be a whole number"
_BOOLEAN = "must be true or false"
_RULES = {
    "bool_parsing": _BOOLEAN,
    "bool_type": _BOOLEAN,
    "dict_type": _OBJECT,
    "enum": "must be {expected}",
    "extra_forbidden": "is not a known field; correct its name or leave it out",
    "finite_number": "must be a finite number",
    "float_parsing": _NUMBER,
    "float_type": _NUMBER,
    "greater_than_equal": "must be at least {ge}",
    "int_from_float": _WHOLE_NUMBER,
    "int_parsing": _WHOLE_NUMBER,
    "int_parsing_size": "must have fewer digits",
    "int_type": _WHOLE_NUMBER,
    "less_than_equal": "must be at most {le}",
    "list_type": _LIST,
    "literal_error": "must be {expected}",
    "missing": "must be given",
    "model_type": _OBJECT,
    "string_too_long": "must have at most {max_length}",
    "string_too_short": "must have at least {min_length}",
    "string_type": _TEXT,
    "string_unicode": _TEXT,
    "too_long": "must have at most {max_length}",
    "too_short": "must have at least {min_length}",
    "tuple_type": _LIST,
    "value_error": "{error}",
}


class BrokenRule(NamedTuple):
    """One broken rule: names and positions that lead to the value, a code for programs, and a sentence without it."""

    path: tuple[str | int, ...]
    code: str
    detail: str


def broken_rules(error: ValidationError) -> list[BrokenRule]:
    """All broken rules, in the order of the fields."""
    faults = error.errors(include_url=False, include_input=False)
    above_others = {fault["loc"][:length] for fault in faults for length in range(len(fault["loc"]))}
    return [
        BrokenRule(fault["loc"], fault["type"], _detail(fault["type"], fault.get("ctx", {})))
        for fault in faults
        if not (fault["type"] == "too_short" and fault["loc"] in above_others)  # it has items, which are refused
    ]


def _detail(code: str, context: Mapping[str, Any]) -> str:
    if code == "string_pattern_mismatch":
        return ID_RULE if context["pattern"] == ID_PATTERN else f"must match {context['pattern']}"
    things = "field" if context.get("field_type") == "Dictionary" else "item"
    thing = "character" if code.startswith("string") else things
    words = {
        name: f"{value} {thing}{'s' * (value != 1)}" if name.endswith("_length") else _plain(value)
        for name, value in context.items()
    }
    return _RULES.get(code, _OTHERWISE).format_map(words)


def _plain(value: Any) -> str:
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
