"""Write the OpenAPI document from the routes of all functions; `--check` says whether it is up to date."""

from __future__ import annotations

import argparse
import importlib
import inspect
import json
import os
import re
import sys
import tomllib
from functools import cache
from http import HTTPStatus
from operator import attrgetter
from pathlib import Path
from types import NoneType, UnionType
from typing import (
    TYPE_CHECKING,
    Any,
    Literal,
    NamedTuple,
    NotRequired,
    TypedDict,
    Union,
    get_args,
    get_origin,
    get_type_hints,
    is_typeddict,
)

from pydantic.json_schema import models_json_schema

from commands.errors import PROBLEMS
from vitrine.platform.http import ANYONE, ROLES
from vitrine.platform.ids import ID_PATTERN
from vitrine.platform.problems import KINDS, UNEXPECTED, MethodNotAllowed
from vitrine.platform.published_api import DOCUMENT
from vitrine.renditions.model import MEDIA_TYPES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vitrine.platform.http import Route

FUNCTIONS = Path(__file__).parents[1] / "functions"
_SAMPLES = Path(__file__).parents[1] / "events"
_PROJECT = Path(__file__).parents[1] / "pyproject.toml"
# Examples of ids that the API makes, so that no sample can have them.
_MADE_IDS = {"job_id": "8f14e45fceea167a", "import_id": "8f14e45fceea167a", "merchant_id": "shop"}
_JSON_TYPES = {str: "string", int: "integer", float: "number", bool: "boolean", NoneType: "null"}
_REFERENCE = "#/components/schemas/{model}"
_NOT_DESCRIBED = {"/", "/{proxy+}"}
_OF_PEOPLE = {"/users/{user_id}/recommendations", "/galleries/{gallery_id}/events"}


_ABOUT = """Galleries that order themselves by what shoppers view and click.

**Keys.** `X-Api-Key` carries a publishable key (`pk_…`, for web pages) or another key (`sk_…`), which may do what its
role allows: `secret` everything; `editor` all but keys and erasing; `reviewer` claims and decisions under its name.
`x-key` of an operation lists the accepted roles. A publishable key may also be sent in the query, as `?key=pk_…`, and
may be limited to origins of web pages. Resources of another merchant are not found.

**People.** With a publishable key a person is named as `visitor:` and at least 22 random characters of
`[A-Za-z0-9_-]`, or with the token that the shop's server signed: `v1.{expiry}.{signature}`, in `X-User-Token` or an
event's `user_token`. Without either, responses are not personal, and events count without the name.

**Errors** are `application/problem+json` (RFC 9457); for invalid input, `errors` lists each broken rule with a pointer.
A wrong method on a path is 405 with `Allow`, an unknown path 404.

**Lists** take `limit` and `cursor` and return `items` and `next_cursor`, which is null on the last page. A cursor
belongs to its merchant, path and query.

**Writes** take `Idempotency-Key`: for a day the same key, body and query returns the first response again; another
body or query is 409.

**Quotas** are per key and minute, and an address may spend a tenth of a publishable key's; invalid requests spend
none of the key's. Beyond them, `Retry-After` of the 429 is the number of seconds to wait.

**Reads** have an `ETag`; sent back as `If-None-Match`, it gives 304 while nothing has changed. Shared caches may keep
responses to a publishable key for seconds (`Cache-Control: public`; see a gallery's `cache_seconds`), unless the
request names a person, by `X-User-Token`, a visitor's id or `session_id`. Responses to a secret key are revalidated.
"""
_HEADERS = {
    "ETag": {"description": "Identifies this version of the response.", "required": True, "schema": {"type": "string"}},
    "Cache-Control": {"description": "Who may store the response.", "required": True, "schema": {"type": "string"}},
    "Retry-After": {
        "description": "Seconds to wait.",
        "required": True,
        "schema": {"type": "integer", "minimum": 1},
    },
}
_ERRORS = {
    kind.status: PROBLEMS[kind.slug].when
    for kind in sorted([*KINDS.values(), UNEXPECTED], key=attrgetter("status"))
    if kind is not KINDS[MethodNotAllowed]  # not an error of an operation: operations have allowed methods
}
_RETRIED = {429, 503}


class FieldProblem(TypedDict):
    """One broken rule."""

    pointer: str
    detail: str


class Problem(TypedDict):
    """An error, in the form of RFC 9457."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    request_id: str
    errors: NotRequired[list[FieldProblem]]


class Sample(NamedTuple):
    """What a sample invocation under `events/` sends to a route."""

    path: Mapping[str, str]
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: Any


@cache
def samples() -> dict[tuple[str, str], Sample]:
    """The first sample of each route that has one, by method and path."""
    found: dict[tuple[str, str], Sample] = {}
    for file in sorted(_SAMPLES.glob("*_api/*.json")):
        event = json.loads(file.read_text())
        body = json.loads(event["body"]) if event["body"] else None
        sample = Sample(event["pathParameters"] or {}, event["queryStringParameters"] or {}, event["headers"], body)
        found.setdefault((event["httpMethod"], event["resource"]), sample)
    return found


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
    requests = {route.body: _load(route.body) for route in described if route.body}
    _, body_schemas = models_json_schema(
        [(model, "validation") for model in requests.values()], ref_template=_REFERENCE
    )
    schemas = dict(body_schemas.get("$defs", {}))
    examples = samples()
    ids = _MADE_IDS | {name: value for sample in examples.values() for name, value in sample.path.items()}
    paths: dict[str, dict[str, Any]] = {}
    for route in described:
        sample = examples.get((route.method, route.path), Sample({}, {}, {}, None))
        sample = sample._replace(path={**ids, **sample.path})
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, sample, requests, schemas)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Vitrine",
            "version": tomllib.loads(_PROJECT.read_text())["project"]["version"],
            "description": _ABOUT,
            "license": {"name": "Apache License 2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "security": [{"key": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {"key": {"type": "apiKey", "in": "header", "name": "X-Api-Key"}},
            "headers": _HEADERS,
            "responses": _error_responses(schemas),
            "schemas": dict(sorted(schemas.items())),
        },
    }


def rendered() -> str:
    """The document as text."""
    return json.dumps(document(), indent=1, ensure_ascii=False) + "\n"


def _operation(route: Route, sample: Sample, requests: dict[str, Any], schemas: dict[str, Any]) -> dict[str, Any]:
    summary, _, description = (inspect.getdoc(route.handle) or "").partition("\n\n")
    operation: dict[str, Any] = {
        "operationId": f"{route.method.lower()}{re.sub(r'[^A-Za-z]+', '_', route.path)}".rstrip("_"),
        "tags": [route.path.split("/")[1]],
        "summary": summary.removesuffix("."),
        "parameters": _parameters(route, sample),
        "responses": _responses(route, schemas),
    }
    if description:
        operation["description"] = description
    if route.scope == ANYONE:
        operation["security"] = []
    else:
        operation["x-key"] = list(ROLES[route.scope])
    if route.body:
        name = requests[route.body].__name__
        operation["requestBody"] = {
            "required": True,
            "content": {
                media_type: {"schema": {"$ref": _REFERENCE.format(model=name)}, "example": sample.body}
                for media_type in route.media_types
            },
        }
    return operation


def _parameters(route: Route, sample: Sample) -> list[dict[str, Any]]:
    parameters: list[dict[str, Any]] = [
        {
            "name": name,
            "in": "path",
            "required": True,
            "schema": {"type": "string", "pattern": ID_PATTERN},
            "example": sample.path[name],
        }
        for name in re.findall(r"{(\w+)}", route.path)
    ]
    for name, schema in (route.query or {}).items():
        required = {"required": True} if schema.get("x-required") else {}
        example = {"example": sample.query[name]} if name in sample.query else {}
        parameters.append({"name": name, "in": "query", "schema": schema, **required, **example})
    if route.method == "GET":
        parameters.append(_header("If-None-Match", "The ETag of an earlier response."))
    else:
        said = "Repeating a request with its key returns the first response again."
        parameters.append(_header("Idempotency-Key", said, minLength=1, maxLength=255))
    if route.path.startswith("/review/") and route.method != "GET":
        said = "The reviewer's name. A reviewer's key has its own name, which is used instead."
        parameters.append(_header("X-Reviewer", said, required=True, minLength=1, maxLength=64))
    if route.path in _OF_PEOPLE:
        parameters.append(
            _header("X-User-Token", "The token that the shop's server signed for the user.", maxLength=200)
        )
    return parameters


def _header(name: str, description: str, *, required: bool = False, **bounds: int) -> dict[str, Any]:
    needed = {"required": True} if required else {}
    return {"name": name, "in": "header", **needed, "description": description, "schema": {"type": "string", **bounds}}


def _responses(route: Route, schemas: dict[str, Any]) -> dict[str, Any]:
    responses: dict[str, Any] = {}
    for status, kind in route.responses.items():
        response: dict[str, Any] = {"description": HTTPStatus(status).phrase}
        if kind is str:
            response["content"] = {"text/html": {"schema": {"type": "string"}}}
        elif kind is bytes:
            response["content"] = {media_type: {} for media_type in MEDIA_TYPES.values()}
        elif kind is not None:
            schema = _schema(kind, schemas)
            listed = route.paged and status == HTTPStatus.OK
            response["content"] = {"application/json": {"schema": _page(schema) if listed else schema}}
        if route.method == "GET":
            response["headers"] = {name: {"$ref": f"#/components/headers/{name}"} for name in ("ETag", "Cache-Control")}
        responses[str(status)] = response
    if route.method == "GET":
        responses["304"] = {"description": HTTPStatus.NOT_MODIFIED.phrase}
    for status in sorted(_errors_of(route) - route.responses.keys()):
        responses[str(status)] = _error_response(route, status)
    return responses


def _page(item: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "required": ["items", "next_cursor"],
        "properties": {"items": {"type": "array", "items": item}, "next_cursor": {"type": ["string", "null"]}},
    }


def _errors_of(route: Route) -> set[int]:
    """The statuses of errors that a route can return."""
    errors = {422, 500, 503}
    if route.scope != ANYONE:
        errors |= {401, 403, 429}
    fields = _load(route.body).model_fields if route.body else {}
    if "{" in route.path or "gallery_id" in (route.query or {}) or "snapshot_id" in fields:
        errors.add(404)
    if "cursor" in (route.query or {}):
        errors.add(400)
    if route.body:
        errors |= {400, 413, 415}
    if route.method != "GET":
        errors |= {409, 413}
    if route.on_error:
        errors = errors - {422} | {400}
    return errors


def _error_response(route: Route, status: int) -> dict[str, Any]:
    """A shared response; for routes with their own form of errors, that form."""
    if route.on_error is None or status == HTTPStatus.UNAUTHORIZED:
        return {"$ref": f"#/components/responses/{status}"}
    return {"description": HTTPStatus(status).phrase, "content": {"application/json": {"schema": {"type": "object"}}}}


def _error_responses(schemas: dict[str, Any]) -> dict[str, Any]:
    responses: dict[str, Any] = {}
    for status, description in _ERRORS.items():
        problem = {"application/problem+json": {"schema": _schema(Problem, schemas)}}
        responses[str(status)] = {"description": description, "content": problem}
        if status in _RETRIED:
            responses[str(status)]["headers"] = {"Retry-After": {"$ref": "#/components/headers/Retry-After"}}
    return responses


def _schema(kind: Any, schemas: dict[str, Any]) -> dict[str, Any]:  # noqa: PLR0911 - one case for each kind
    """The JSON schema of a response's type; TypedDicts are added to `schemas` and referenced."""
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
    """Write or check; returns the exit status."""
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
