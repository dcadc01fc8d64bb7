"""Write the OpenAPI document from the routes of all functions; `--check` says whether it is up to date."""

from __future__ import annotations

import argparse
import importlib
import inspect
import json
import os
import re
import sys
from pathlib import Path
from types import NoneType, UnionType
from typing import (
    TYPE_CHECKING,
    Any,
    Literal,
    NotRequired,
    TypedDict,
    Union,
    get_args,
    get_origin,
    get_type_hints,
    is_typeddict,
)

from pydantic.json_schema import models_json_schema

from vitrine.platform.http import ANYONE, ID_PATTERN, PUBLISHABLE
from vitrine.platform.published_api import DOCUMENT

if TYPE_CHECKING:
    from vitrine.platform.http import Route

FUNCTIONS = Path(__file__).parents[1] / "functions"
_JSON_TYPES = {str: "string", int: "integer", float: "number", bool: "boolean", NoneType: "null"}
_REFERENCE = "#/components/schemas/{model}"
_JUDGED_SINGLY = ["vitrine.galleries.bodies:NewImage", "vitrine.review.bodies:NewSnapshot"]
_NOT_DESCRIBED = {"/{proxy+}", "/openapi.json"}


class FieldProblem(TypedDict):
    """One broken rule."""

    pointer: str
    detail: str


class Problem(TypedDict):
    """An error, as RFC 9457 has it."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    request_id: str
    errors: NotRequired[list[FieldProblem]]


def routes() -> list[Route]:
    """The routes of every HTTP function, by path and method."""
    os.environ.setdefault("AWS_DEFAULT_REGION", "eu-west-1")
    found: list[Route] = []
    for handler in sorted(FUNCTIONS.glob("*_api/handler.py")):
        module = importlib.import_module(f"functions.{handler.parent.name}.handler")
        found += [route for route in module.app.routes.values() if route.path not in _NOT_DESCRIBED]
    return sorted(found, key=lambda route: (route.path, route.method))


def document() -> dict[str, Any]:
    """The OpenAPI document of all functions."""
    described = routes()
    bodies = {path: _load(path) for path in [*_JUDGED_SINGLY, *(route.body for route in described)] if path}
    _, body_schemas = models_json_schema([(model, "validation") for model in bodies.values()], ref_template=_REFERENCE)
    schemas = dict(body_schemas.get("$defs", {}))
    paths: dict[str, dict[str, Any]] = {}
    for route in described:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, bodies, schemas)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Vitrine",
            "version": "1.0.0",
            "description": "Galleries that order themselves by what shoppers view and click.",
            "license": {"name": "Proprietary", "identifier": "LicenseRef-Proprietary"},
        },
        "servers": [{"url": "/"}],
        "security": [{"key": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {"key": {"type": "apiKey", "in": "header", "name": "X-Api-Key"}},
            "schemas": dict(sorted(schemas.items())),
        },
    }


def rendered() -> str:
    """The document as it is written."""
    return json.dumps(document(), indent=1, ensure_ascii=False) + "\n"


def _operation(route: Route, bodies: dict[str, Any], schemas: dict[str, Any]) -> dict[str, Any]:
    summary, _, description = (inspect.getdoc(route.handle) or "").partition("\n\n")
    operation: dict[str, Any] = {
        "operationId": f"{route.method.lower()}{re.sub(r'[^A-Za-z]+', '_', route.path)}".rstrip("_"),
        "tags": [route.path.split("/")[1]],
        "summary": summary.removesuffix("."),
        "parameters": _parameters(route),
        "responses": _responses(route, schemas),
    }
    if description:
        operation["description"] = description
    if route.scope == ANYONE:
        operation["security"] = []
    else:
        operation["x-key"] = "publishable or secret" if route.scope == PUBLISHABLE else "secret"
    if route.body:
        name = bodies[route.body].__name__
        operation["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": {"$ref": _REFERENCE.format(model=name)}}},
        }
    return operation


def _parameters(route: Route) -> list[dict[str, Any]]:
    parameters: list[dict[str, Any]] = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string", "pattern": ID_PATTERN}}
        for name in re.findall(r"{(\w+)}", route.path)
    ]
    query = dict(route.query)
    if route.paged:
        query["limit"] = {"type": "integer", "minimum": 1, "maximum": 100, "default": 20}
        query["cursor"] = {"type": "string", "description": "`next_cursor` of the page before."}
    for name, schema in query.items():
        required = {"required": True} if schema.get("x-required") else {}
        parameters.append({"name": name, "in": "query", "schema": schema, **required})
    if route.method != "GET":
        parameters.append(
            {
                "name": "Idempotency-Key",
                "in": "header",
                "description": "The same key and body gets the first answer again.",
                "schema": {"type": "string", "minLength": 1, "maxLength": 255},
            }
        )
    return parameters


def _responses(route: Route, schemas: dict[str, Any]) -> dict[str, Any]:
    responses: dict[str, Any] = {}
    for status, kind in route.answers.items():
        content = None
        if route.paged and status == 200:  # noqa: PLR2004 - the contract's page
            content = {
                "type": "object",
                "required": ["items", "next_cursor"],
                "properties": {
                    "items": {"type": "array", "items": _schema(kind, schemas)},
                    "next_cursor": {"type": ["string", "null"]},
                },
            }
        elif kind is not None:
            content = _schema(kind, schemas)
        responses[str(status)] = {"description": "Done."} | (
            {"content": {"application/json": {"schema": content}}} if content else {}
        )
    responses["default"] = {
        "description": "An error, as RFC 9457 has it.",
        "content": {
            "application/problem+json" if route.on_error is None else "application/json": {
                "schema": _schema(Problem, schemas) if route.on_error is None else {"type": "object"}
            }
        },
    }
    return responses


def _schema(kind: Any, schemas: dict[str, Any]) -> dict[str, Any]:  # noqa: PLR0911 - a case a kind
    """The JSON schema of an answer's type: TypedDicts go to `schemas` and are referred to."""
    if is_typeddict(kind):
        hints = get_type_hints(kind, include_extras=True)
        schemas[kind.__name__] = {
            "type": "object",
            "properties": {name: _schema(hint, schemas) for name, hint in hints.items()},
            "required": [name for name, hint in hints.items() if get_origin(hint) is not NotRequired],
        }
        return {"$ref": _REFERENCE.format(model=kind.__name__)}
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is NotRequired:
        return _schema(arguments[0], schemas)
    if origin is list:
        return {"type": "array", "items": _schema(arguments[0], schemas)}
    if origin is dict:
        return {"type": "object", "additionalProperties": _schema(arguments[1], schemas)}
    if origin is Literal:
        return {"enum": list(arguments)}
    if origin in {Union, UnionType}:
        return {"anyOf": [_schema(argument, schemas) for argument in arguments]}
    return {"type": _JSON_TYPES[kind]} if kind in _JSON_TYPES else {}


def _load(path: str) -> Any:
    module, _, name = path.partition(":")
    return getattr(importlib.import_module(module), name)


def main() -> int:
    """Write or check; answers the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    if not parser.parse_args().check:
        DOCUMENT.write_text(rendered())
        print(f"wrote {DOCUMENT}")
        return 0
    if DOCUMENT.exists() and DOCUMENT.read_text() == rendered():
        return 0
    print("the OpenAPI document is not up to date: run `make docs`")
    return 1


if __name__ == "__main__":
    sys.exit(main())
