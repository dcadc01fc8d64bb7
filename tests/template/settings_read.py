"""Which environment variables a function reads: found in the source, from its handler on."""

from __future__ import annotations

import ast
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple

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
    """The settings that a definition reads and the definitions it names, each as `(module, name)`."""

    settings: frozenset[tuple[str, str]]
    names: frozenset[tuple[str, str]]


def variables_read_by(folder: str) -> Variables:
    """The variables of all settings that the handler can come to read."""
    needed: set[str] = set()
    known: set[str] = set()
    for settings in _settings_reached(folder):
        known |= {name.upper() for name in settings._fields}
        needed |= {name.upper() for name in settings._fields if name not in settings._field_defaults}
    return Variables(needed, known)


def _settings_reached(folder: str) -> Iterator[Any]:
    handler = f"functions.{folder}.handler"
    waiting = [(handler, name) for name in [*_module(handler).definitions, ""]]
    seen: set[tuple[str, str]] = set()
    while waiting:
        at = waiting.pop()
        if at not in seen:
            seen.add(at)
            found = _uses(*at)
            for where, kind in found.settings:
                yield getattr(import_module(where), kind)
            waiting += found.names


@cache
def _uses(module: str, name: str) -> _Uses:
    """What a definition of a module uses, or with no name what the module does when it is imported."""
    source = _module(module)
    nodes = source.rest if not name else [source.definitions[name]] if name in source.definitions else []
    settings: set[tuple[str, str]] = set()
    names: set[tuple[str, str]] = set()
    for node in nodes:
        imported = _imports(node) | source.imports  # those inside the definition too
        for called in ast.walk(node):
            if isinstance(called, ast.Call) and getattr(called.func, "id", "") == "read_settings":
                kind = ast.unparse(called.args[0])
                settings.add(imported.get(kind, (module, kind)))
            if isinstance(called, ast.Name):
                names.add(imported.get(called.id, (module, called.id)))
    return _Uses(frozenset(settings), frozenset(names))


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
