"""Names and loops that the house style forbids, found in the syntax trees of the code."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

import pytest

from tests.aws import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def files_in(*folders: str) -> list[Path]:
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


PRODUCT = files_in("layers/vitrine/vitrine", "functions", "commands", "local")
# `retry` itself, and a reader that looks once more for a version that it can read, which no writer races.
MAY_LOOP = {ROOT / "layers/vitrine/vitrine/platform/retries.py", ROOT / "layers/vitrine/vitrine/search/tantivy.py"}


def variables_named_it(tree: ast.AST) -> Iterator[int]:
    """Lines that assign `it` or take it as a parameter."""
    for node in ast.walk(tree):
        if isinstance(node, ast.arg) and node.arg == "it":
            yield node.lineno
        if isinstance(node, ast.Name) and node.id == "it" and isinstance(node.ctx, ast.Store):
            yield node.lineno


def retry_loops(tree: ast.AST) -> Iterator[int]:
    """Lines of `for … in range(…)` whose body catches an exception and goes on with the loop."""
    for loop in ast.walk(tree):
        if isinstance(loop, ast.For) and isinstance(loop.iter, ast.Call) and ast.unparse(loop.iter.func) == "range":
            tries = [statement for statement in loop.body if isinstance(statement, ast.Try)]
            handlers = [handler for statement in tries for handler in statement.handlers]
            if any(not isinstance(handler.body[-1], ast.Raise | ast.Return) for handler in handlers):
                yield loop.lineno


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", [*PRODUCT, *files_in("tests", "bench")], ids=name_of)
def test_no_variable_is_named_it(path: Path) -> None:
    """`it` says nothing of the value; its name does."""
    assert list(variables_named_it(ast.parse(path.read_text()))) == []


@pytest.mark.parametrize("path", [path for path in PRODUCT if path not in MAY_LOOP], ids=name_of)
def test_retries_are_in_one_place(path: Path) -> None:
    """`platform.retries.retry` has the pauses, the limit and the error that a loop by hand forgets."""
    assert list(retry_loops(ast.parse(path.read_text()))) == []


@pytest.mark.parametrize(
    "code", ["for it in x: pass", "[it for it in x]", "sorted(x, key=lambda it: it.a)", "def f(it): pass", "it = 1"]
)
def test_a_variable_named_it_is_found(code: str) -> None:
    assert list(variables_named_it(ast.parse(code))) == [1]


def test_a_retry_loop_is_found() -> None:
    by_hand = "for _ in range(8):\n  try:\n    write()\n    return\n  except Stale:\n    continue"
    refused = "for name in range(8):\n  try:\n    write()\n  except Stale as error:\n    raise Wrong from error"
    assert list(retry_loops(ast.parse(by_hand))) == [1]
    assert list(retry_loops(ast.parse(refused))) == []
