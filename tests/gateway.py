"""The deployed API in this process: the template's routes, authorizer and gateway responses around the handlers."""

from __future__ import annotations

import base64
import importlib
import json
import re
import secrets
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import parse_qs, parse_qsl, quote

from tests.aws import Context, resources
from vitrine.access.manage_keys import create_key, create_merchant
from vitrine.access.wiring import access_store
from vitrine.platform.times import utc_now

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from vitrine.access.model import KeyKind

STAGE = "arn:aws:execute-api:eu-west-1:123456789012:api/v1"


class Served(NamedTuple):
    """A route of the template."""

    method: str
    path: str
    folder: str
    is_open: bool


class Response(NamedTuple):
    status: int
    headers: Mapping[str, str]
    body: str
    is_base64: bool = False

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Shop(NamedTuple):
    """A merchant and its keys."""

    merchant_id: str
    publishable_key: str
    secret_key: str
    identity_secret: str


def folder_of(function: Mapping[str, Any]) -> str:
    return str(function["CodeUri"]).removeprefix("functions/").strip("/")


def served_routes() -> list[Served]:
    """Every route of the template."""
    return [
        Served(
            event["Properties"]["Method"].upper(),
            event["Properties"]["Path"],
            folder_of(function),
            event["Properties"].get("Auth", {}).get("Authorizer") == "NONE",
        )
        for function in resources("AWS::Serverless::Function").values()
        for event in function.get("Events", {}).values()
        if event["Type"] == "Api"
    ]


def handler_of(folder: str) -> Callable[[dict[str, Any], Any], dict[str, Any]]:
    return importlib.import_module(f"functions.{folder}.handler").lambda_handler


def open_shop(merchant_id: str, requests_per_minute: int = 60_000) -> Shop:
    merchant = create_merchant(
        access_store(), merchant_id, merchant_id, now=utc_now(), random_text=secrets.token_urlsafe
    )

    def key(kind: KeyKind) -> str:
        return create_key(
            access_store(),
            merchant_id,
            kind,
            requests_per_minute,
            now=utc_now(),
            random_text=secrets.token_urlsafe,
        ).text

    return Shop(merchant_id, key("publishable"), key("secret"), merchant.identity_secrets[0].text)


class Gateway:
    """API Gateway with the template's routes; also a WSGI application."""

    def __init__(self) -> None:
        self._routes = sorted(served_routes(), key=lambda route: [_rank(part) for part in route.path.split("/")])

    def call(
        self,
        method: str,
        path: str,
        key: str | None = None,
        body: Any = None,
        *,
        raw: bytes | None = None,
        query: str = "",
        headers: Mapping[str, str] | None = None,
        source_address: str = "192.0.2.1",
    ) -> Response:
        """Send a request; `body` is sent as JSON, `raw` unchanged."""
        sent = {"Content-Type": "application/json", **(headers or {})}
        if key is not None:
            sent["X-Api-Key"] = key
        content = raw if raw is not None else b"" if body is None else json.dumps(body).encode()
        route, path_parameters = self._match(method, path)
        if route is None:
            return self._own("MISSING_AUTHENTICATION_TOKEN", path)
        authorizer = None
        if not route.is_open:
            authorizer = _authorize(sent, query, f"{STAGE}/{method}{path}")
            if authorizer is None:
                return self._own("UNAUTHORIZED", path)
        sent_query = parse_qsl(query, keep_blank_values=True)
        response = handler_of(route.folder)(
            {
                "httpMethod": method,
                "resource": route.path,
                "path": path,
                "pathParameters": path_parameters or None,
                "queryStringParameters": dict(sent_query) or None,
                "multiValueQueryStringParameters": _multi_values(sent_query),
                "headers": sent,
                "body": content.decode("utf-8", "surrogateescape") or None,
                "isBase64Encoded": False,
                "requestContext": {
                    "requestId": secrets.token_hex(8),
                    "identity": {"sourceIp": source_address},
                    "authorizer": authorizer,
                },
            },
            Context(),
        )
        return Response(
            response["statusCode"], response["headers"], response["body"], response.get("isBase64Encoded", False)
        )

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Serve WSGI."""
        headers = {
            name[5:].replace("_", "-").title(): value for name, value in environ.items() if name.startswith("HTTP_")
        }
        headers["Content-Type"] = environ.get("CONTENT_TYPE", "")
        key = headers.pop("X-Api-Key", None)
        path = quote(("/" + environ["PATH_INFO"].lstrip("/")).encode("latin-1").decode("utf-8", "replace"), safe="/:~")
        response = self.call(
            environ["REQUEST_METHOD"],
            path,
            key,
            raw=environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0)),
            query=environ.get("QUERY_STRING", ""),
            headers=headers,
        )
        reason = HTTPStatus(response.status).phrase
        start_response(f"{response.status} {reason}", list(response.headers.items()))
        content = base64.b64decode(response.body) if response.is_base64 else response.body.encode()
        return [] if environ["REQUEST_METHOD"] == "HEAD" else [content]

    def _match(self, method: str, path: str) -> tuple[Served | None, dict[str, str]]:
        for route in self._routes:
            pattern = re.sub(r"\\{(\w+)\\\+\\}", r"(?P<\1>.+)", re.escape(route.path))
            pattern = re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+)", pattern)
            match = re.fullmatch(pattern, path)
            if match and route.method == method:
                return route, match.groupdict()
        return None, {}

    @staticmethod
    def _own(kind: str, path: str) -> Response:
        [api] = resources("AWS::Serverless::Api").values()
        made = api["GatewayResponses"][kind]
        body = made["ResponseTemplates"]["application/json"]
        values = {"$context.path": path, "$context.requestId": "gateway"}
        for variable, value in values.items():
            body = body.replace(variable, value)
        headers = {name: value.strip("'") for name, value in made["ResponseParameters"]["Headers"].items()}
        return Response(int(made["StatusCode"]), headers, body)


def _multi_values(query: Iterable[tuple[str, str]]) -> dict[str, list[str]] | None:
    values: dict[str, list[str]] = {}
    for name, value in query:
        values.setdefault(name, []).append(value)
    return values or None


def _rank(part: str) -> int:
    """The order of segments: fixed ones, {parameters}, {greedy+} ones."""
    return 2 if part.endswith("+}") else int(part.startswith("{"))


def _authorize(headers: Mapping[str, str], query: str, arn: str) -> Mapping[str, str] | None:
    event = {
        "headers": headers,
        "multiValueQueryStringParameters": parse_qs(query, keep_blank_values=True) or None,
        "methodArn": arn,
        "requestContext": {},
    }
    try:
        policy = handler_of("authorizer")(event, Context())
    except Exception as error:
        if str(error) == "Unauthorized":
            return None
        raise
    return policy["context"]
