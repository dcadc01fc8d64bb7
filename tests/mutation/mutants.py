"""All ways to break a module's guards by one change.

In rules: comparisons at and across their boundary, operands of `and` and `or`, conditions turned round, numbers of
constants, entries of constant lists, and two calls in the other order. In adapters: what a condition expression asks
for, and comparisons with an expiry.
"""

from __future__ import annotations

import ast
import re
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from tests.mutation.guards import PACKAGE, ROOMS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

Node = TypeVar("Node")

BROKEN: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
TERM = re.compile(
    r"(?:NOT )?(?:attribute_(?:not_)?exists|contains|begins_with)\([^()]*\)|[#\w.\[\]{}]+ (?:=|<>|<=?|>=?) :[\w{}]+"
)
BOUNDARY = {" < ": " <= ", " <= ": " < ", " > ": " >= ", " >= ": " > "}
QUERY_OR_UPDATE = re.compile(r"'(?:SET|ADD|REMOVE|DELETE) |'[ ,]|\bpk = |:(?:after|part|\{name\})\b|BETWEEN")
EXPIRY = re.compile(r"\b(?:now|expir\w*|until|lease\w*|time)\b")

# Nodes and what replaces each; None removes an entry.
Change = dict[ast.AST, ast.AST | None]


class Mutant(NamedTuple):
    """A module with one change."""

    room: str
    path: str
    name: str
    tree: ast.Module
    change: Change

    def module(self) -> ast.Module:
        """The changed module. `tree` is changed too, so one process makes one mutant."""
        _Replace(self.change).visit(self.tree)
        return ast.fix_missing_locations(self.tree)


class _Replace(ast.NodeTransformer):
    def __init__(self, change: Change) -> None:
        self._change = change

    def visit(self, node: ast.AST) -> ast.AST | None:
        return self._change[node] if node in self._change else self.generic_visit(node)


def all_mutants() -> list[Mutant]:
    return [
        mutant
        for room, guards in ROOMS.items()
        for paths, changes_of in ((guards.rules, _rule_changes), (guards.adapters, _adapter_changes))
        for path in paths
        for mutant in _mutants(room, path, changes_of)
    ]


def _mutants(room: str, path: str, changes_of: Callable[[ast.AST], Iterator[Change]]) -> Iterator[Mutant]:
    tree = ast.parse((PACKAGE / path).read_text())
    times: dict[str, int] = {}
    for where, node in _named(tree, "module"):
        for change in changes_of(node):
            before, after = (" then ".join(map(_text, nodes)) for nodes in (change, change.values()))
            name = f"{path} {where}: {before} → {after}"
            times[name] = times.get(name, 0) + 1
            yield Mutant(room, path, name if times[name] == 1 else f"{name} (#{times[name]})", tree, change)


def _named(node: ast.AST, where: str) -> Iterator[tuple[str, ast.AST]]:
    """All nodes with the names of the class, function or constant that they are in."""
    name = node.name if isinstance(node, ast.FunctionDef | ast.ClassDef) else _constant_name(node)
    where = f"{where}.{name}".removeprefix("module.") if name else where
    yield where, node
    if isinstance(node, ast.JoinedStr) or getattr(node, "arg", "") == "KeyConditionExpression":
        return
    for child in ast.iter_child_nodes(node):
        yield from _named(child, where)


def _text(node: ast.AST | None) -> str:
    return " ".join(ast.unparse(node).split()) if node else "nothing"


def _rule_changes(node: ast.AST) -> Iterator[Change]:
    match node:
        case ast.Compare():
            yield from _comparisons(node)
        case ast.BoolOp(op, values):
            for rest in _without_one(values):
                yield {node: rest[0] if len(rest) == 1 else ast.BoolOp(op, rest)}
        case ast.UnaryOp(op=ast.Not()):
            yield {node: node.operand}
        case ast.If(test=test) | ast.IfExp(test=test) | ast.While(test=test):
            yield from _turned([test])
        case ast.comprehension(ifs=tests):
            yield from _turned(tests)
        case ast.Assign(value=value) | ast.AnnAssign(value=ast.expr() as value) if _constant_name(node):
            yield from _constants(value)
        case ast.FunctionDef(body=body):
            yield from _order(body)


def _adapter_changes(node: ast.AST) -> Iterator[Change]:
    text = ast.unparse(node)
    match node:
        case ast.Compare() if EXPIRY.search(text):
            yield from _comparisons(node)
        case ast.JoinedStr() | ast.Constant(str()) if not QUERY_OR_UPDATE.search(text):
            for term in TERM.finditer(text):
                # DynamoDB refuses values that no expression uses, so a term is made true and not left out.
                broken = [f"({term[0]} OR NOT ({term[0]}))"]
                broken += [term[0].replace(old, new) for old, new in BOUNDARY.items() if old in term[0]]
                for replacement in broken:
                    yield {node: ast.parse(text[: term.start()] + replacement + text[term.end() :], mode="eval").body}


def _comparisons(node: ast.Compare) -> Iterator[Change]:
    for at, op in enumerate(node.ops):
        for other in BROKEN[type(op)]:
            yield {node: ast.Compare(node.left, [*node.ops[:at], other(), *node.ops[at + 1 :]], node.comparators)}


def _turned(tests: Sequence[ast.expr]) -> Iterator[Change]:
    for test in tests:
        if isinstance(test, ast.Name | ast.Attribute | ast.Call) and ast.unparse(test) != "TYPE_CHECKING":
            yield {test: ast.UnaryOp(ast.Not(), test)}


def _constants(value: ast.expr) -> Iterator[Change]:
    for node in ast.walk(value):
        match node:
            case ast.Constant(int() | float() as number) if not isinstance(number, bool):
                yield {node: ast.Constant(number + 1 if isinstance(number, int) else number * 2)}
            case ast.Tuple(entries) | ast.List(entries) | ast.Set(entries) if len(entries) > 1:
                for entry in entries:
                    yield {entry: None}


def _constant_name(node: ast.AST) -> str:
    """The name of a constant or of a class's default that this statement sets; else nothing."""
    match node:
        case ast.Assign(targets=[ast.Name(name)]) if name.isupper():
            return name
        case ast.AnnAssign(target=ast.Name(name)):
            return name
    return ""


def _order(body: Sequence[ast.stmt]) -> Iterator[Change]:
    for first, second in pairwise(body):
        if _only_calls(first) and _only_calls(second):
            yield {first: second, second: first}


def _without_one(values: Sequence[Node]) -> Iterator[list[Node]]:
    for at in range(len(values)):
        yield [*values[:at], *values[at + 1 :]]


def _only_calls(statement: ast.stmt) -> bool:
    if isinstance(statement, ast.If):
        return not statement.orelse and all(map(_only_calls, statement.body))
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call)
