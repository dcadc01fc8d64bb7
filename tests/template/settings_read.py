"""Which environment variables a function reads: found in the source, from its handler on."""

from __future__ import annotations

import ast
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, NamedTuple

from tests.aws import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

LAYER = ROOT / "layers" / "vitrine"


class Variables(NamedTuple):
    """`needed` have no default."""

    needed: set[str]
    known: set[str]


class _Module(NamedTuple):
    """The top-level definitions of a module and where its imported names come from."""

    definitions: dict[str, ast.AST]
    imports: dict[str, tuple[str, str]]
    rest: list[ast.stmt]


class _Uses(NamedTuple):
    """What a definition reads: settings and other definitions, as `(module, name)`, and single variables."""

    settings: frozenset[tuple[str, str]]
    variables: Variables
    names: frozenset[tuple[str, str]]


def variables_read_by(folder: str) -> Variables:
    """The variables of all settings that the handler can come to read."""
    needed: set[str] = set()
    known: set[str] = set()
    for variables in _variables_reached(folder):
        known |= variables.known
        needed |= variables.needed
    return Variables(needed, known)


def _variables_reached(folder: str) -> Iterator[Variables]:
    handler = f"functions.{folder}.handler"
    waiting = [(handler, name) for name in [*_module(handler).definitions, ""]]
    seen: set[tuple[str, str]] = set()
    while waiting:
        at = waiting.pop()
        if at not in seen:
            seen.add(at)
            found = _uses(*at)
            yield found.variables
            for where, kind in found.settings:
                settings = getattr(import_module(where), kind)
                known = {name.upper() for name in settings._fields}
                yield Variables(known - {name.upper() for name in settings._field_defaults}, known)
            waiting += found.names


@cache
def _uses(module: str, name: str) -> _Uses:
    """What a definition of a module uses, or with no name what the module does when it is imported."""
    source = _module(module)
    nodes = source.rest if not name else [source.definitions[name]] if name in source.definitions else []
    settings: set[tuple[str, str]] = set()
    names: set[tuple[str, str]] = set()
    variables = Variables(set(), set())
    for node in nodes:
        imported = _imports(node) | source.imports  # those inside the definition too
        for called in ast.walk(node):
            if isinstance(called, ast.Call) and getattr(called.func, "id", "") == "read_settings":
                kind = ast.unparse(called.args[0])
                settings.add(imported.get(kind, (module, kind)))
            if isinstance(called, ast.Call) and getattr(called.func, "id", "") == "setting":
                variable, *default = map(ast.literal_eval, called.args)
                variables.known.add(variable)
                variables.needed.update(() if default else (variable,))
            if isinstance(called, ast.Name):
                names.add(imported.get(called.id, (module, called.id)))
    return _Uses(frozenset(settings), variables, frozenset(names))


@cache
def _module(name: str) -> _Module:
    base = LAYER if name.startswith("vitrine") else ROOT
    path = base.joinpath(*name.split("."))
    file = path.with_suffix(".py") if path.with_suffix(".py").exists() else path / "__init__.py"
    if not file.exists():
        return _Module({}, {}, [])
    tree = ast.parse(file.read_text())
    definitions: dict[str, ast.AST] = {}
    rest: list[ast.stmt] = []
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            definitions[node.name] = node
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
                definitions[ast.unparse(target)] = node
        elif not isinstance(node, ast.Import | ast.ImportFrom):
            rest.append(node)
    return _Module(definitions, _imports(tree), rest)


def _imports(node: ast.AST) -> dict[str, tuple[str, str]]:
    return {
        alias.asname or alias.name: (found.module or "", alias.name)
        for found in ast.walk(node)
        if isinstance(found, ast.ImportFrom) and (found.module or "").startswith(("vitrine", "functions"))
        for alias in found.names
    }
