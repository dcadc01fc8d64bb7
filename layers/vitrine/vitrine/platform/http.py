"""The entry point of every HTTP function.

API Gateway has already matched the path, so one dictionary look-up of `resource` and method finds the route; a second
router would match again and cost 40 ms of every cold start.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import random
import socket
import time
from functools import partialmethod
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar, get_args
from urllib.parse import quote, unquote

from vitrine.platform.broken_rules import broken_rules
from vitrine.platform.cursors import cursor_scope, read_cursor, read_state, write_cursor
from vitrine.platform.ids import ID_RULE, is_id
from vitrine.platform.json_text import DECODER, HALF_A_CHARACTER, TOO_DEEP, check_text, check_value, is_too_deep
from vitrine.platform.problems import (
    FieldError,
    Forbidden,
    InvalidRequest,
    MalformedRequest,
    NotFound,
    ServiceError,
    TooLarge,
    Unauthenticated,
    UnsupportedMediaType,
    headers_of,
    problem,
    status_of,
)
from vitrine.platform.query import PAGING, read_query
from vitrine.platform.settings import setting
from vitrine.platform.telemetry import Metric, bind_invocation, log_metrics, log_request, logger
from vitrine.platform.times import utc_now

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from datetime import datetime

    from pydantic import BaseModel, ValidationError

    from vitrine.platform.cursors import Form
    from vitrine.platform.idempotency import SavedResponses

    Body = TypeVar("Body", bound=BaseModel)
    Handler = Callable[["Request"], "Response"]
    Register = Callable[[Handler], Handler]

PUBLISHABLE = "publishable"
REVIEWER = "reviewer"
EDITOR = "editor"
SECRET = "secret"  # noqa: S105 - the name of a scope
ANY_KEY = "any key"
ANYONE = "anyone"
# The roles of keys that may use a route of each scope.
ROLES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        ANY_KEY: (PUBLISHABLE, REVIEWER, EDITOR, SECRET),
        PUBLISHABLE: (PUBLISHABLE, EDITOR, SECRET),
        REVIEWER: (REVIEWER, EDITOR, SECRET),
        EDITOR: (EDITOR, SECRET),
        SECRET: (SECRET,),
    }
)
KEY_PARAMETER = "key"
# Query parameters that name a person. Other responses to a publishable key are the same for everyone.
PERSON_PARAMETERS = frozenset({"session_id"})
VISITOR_PREFIX = "visitor:"
TOKEN_HEADER = "x-user-token"  # noqa: S105 - the name of a header

FOREVER_SECONDS = 31_536_000
SHARED_SECONDS = 2
_STALE = "stale-while-revalidate=30, stale-if-error=600"
_NOT_STORED = "private, no-store"
_REVALIDATED = "private, no-cache"

BODY_LIMIT_BYTES = 1024 * 1024
_MOST_ERRORS = 100
_LONGEST_POINTER = 200

CORS_HEADERS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": "Date, ETag, Retry-After, Location",
}
_ASCII = "".join(map(chr, range(128)))
_JSON = "application/json"
JSON_OR_TEXT = (_JSON, "text/plain")  # a page may send text/plain without a preflight, as sendBeacon does
# The only headers that routes can read. Idempotency keys cover them, since each may change the response.
READ_HEADERS = frozenset({"content-type", "idempotency-key", "user-agent", "x-reviewer", "x-user-token"})
_PROBLEM = "application/problem+json"
_IPV4_IN_IPV6 = bytes(10) + b"\xff\xff"
_NONE: Mapping[str, Any] = MappingProxyType({})
ANY_QUERY = None
_encode = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode


class Caller(NamedTuple):
    """The sender of a request, as the authorizer determined from the key; `refusal` says why it refused the key.

    `kind` is publishable for keys in public pages, otherwise secret; `role` is what the key may do. `reviewer` is the
    name under which a reviewer's key acts.
    """

    merchant_id: str
    key_id: str
    kind: str
    role: str
    merchant_secret: str
    identity_secrets: tuple[str, ...]
    requests_per_minute: int
    refusal: str
    label: str = ""
    reviewer: str = ""


class Paging(NamedTuple):
    """A page of a list: at most `limit` items after `state` (None for the first page)."""

    limit: int
    state: Any


class Request(NamedTuple):
    """A request after the checks that all routes share, with only the headers in `READ_HEADERS`.

    With a reviewer's key the header `X-Reviewer` is that key's reviewer, whatever was sent.

    `query` holds the parameters that the route declares, as `query.read_query` returns them, without the key.
    """

    method: str
    route: str
    path: str
    path_parameters: Mapping[str, str]
    query: Mapping[str, Any]
    headers: Mapping[str, str]
    media_types: tuple[str, ...]
    raw_body: bytes
    caller: Caller
    request_id: str
    now: datetime
    source_address: str

    @property
    def merchant_id(self) -> str:
        """The merchant that owns the key."""
        return self.caller.merchant_id

    def path_id(self, name: str) -> str:
        """An id from the path. Raises InvalidRequest if it does not have the form of ids."""
        value = self.path_parameters[name]
        if not is_id(value):
            raise InvalidRequest(f"{name} {ID_RULE}", [FieldError(f"/path/{name}", ID_RULE)])
        return value

    def body(self, model: type[Body]) -> Body:
        """The body as `model`. Raises UnsupportedMediaType, MalformedRequest or InvalidRequest."""
        return parse_json(self.sent_json(), model)

    def items(self, model: type[BaseModel]) -> list[Any]:
        """The items of the body's only list, each validated independently of the others.

        A valid item has the list's model, an invalid one is a `Refused`. Raises like `body` for everything else.
        """
        return parse_items(self.sent_json(), model)

    def sent_json(self) -> bytes:
        """The body as it was sent. Raises UnsupportedMediaType."""
        media_type = self.headers.get("content-type", "").split(";")[0].strip().lower()
        if media_type not in self.media_types:
            raise UnsupportedMediaType(f"Send the body as {' or '.join(self.media_types)}.")
        return self.raw_body

    def page(self, form: Form) -> Paging:
        """The requested page of a list; its cursors hold a state of this form (see `cursors.read_state`)."""
        cursor = self.query.get("cursor")
        if cursor is None:
            return Paging(self.query["limit"], None)
        state = read_cursor(self.caller.merchant_secret, self._scope(), cursor)
        return Paging(self.query["limit"], read_state(state, form))

    def list_response(self, items: list[Any], next_state: Any) -> Response:
        """The response with a page of a list; `next_state` is None on the last page."""
        cursor = None if next_state is None else write_cursor(self.caller.merchant_secret, self._scope(), next_state)
        return Response(200, {"items": items, "next_cursor": cursor})

    def _scope(self) -> str:
        return cursor_scope(self.merchant_id, self.path, self.query)


class Refused(NamedTuple):
    """An item of a list that breaks the schema; the pointers of `errors` start at the item."""

    sent: Any
    errors: Sequence[FieldError]

    def text(self, name: str) -> str | None:
        """The string sent as `name`, or None. Characters that are not Unicode become `?`."""
        value = self.sent.get(name) if isinstance(self.sent, dict) else None
        return encodable(value) if isinstance(value, str) else None


class Response(NamedTuple):
    """A status, a JSON value and headers. None means no body; str and bytes are sent as they are, with a Content-Type.

    `metrics` go to the log line only. `passing` are names of the content that differ on each reading of the same
    state, and that the ETag leaves out. `shared_seconds` is how long shared caches may keep a response of a cacheable
    route; `FOREVER_SECONDS` if its URL never has another response.
    """

    status: int
    content: Any = None
    headers: Mapping[str, str] = _NONE
    metrics: Mapping[str, Metric] = _NONE
    passing: Collection[str] = ()
    shared_seconds: int = SHARED_SECONDS


class Route(NamedTuple):
    """A route's handler, and its description for the OpenAPI document.

    `scope` decides which roles of keys may use it (see `ROLES`). `body` is the import path `module:Model` of the body,
    which has one of `media_types`; `responses` are the types of the successful responses. Both only describe the route
    in the OpenAPI document. `query` declares the query parameters (see `query.read_query`; `paged` adds its two);
    `ANY_QUERY` accepts and ignores any. A `cacheable` route has the same response for all readers of a shop, unless
    the request names a person (see `cache_control`). `is_change` is False for writes that are traffic and belong in no
    change log; nor do those of routes that publishable keys may use.
    """

    method: str
    path: str
    handle: Callable[[Request], Response]
    scope: str = EDITOR
    body: str | None = None
    media_types: tuple[str, ...] = (_JSON,)
    responses: Mapping[int, Any] = MappingProxyType({})
    query: Mapping[str, Mapping[str, Any]] | None = _NONE
    on_error: Callable[[ServiceError], Response] | None = None
    paged: bool = False
    cacheable: bool = False
    is_change: bool = True


class Outcome(NamedTuple):
    """How a merchant's request ended; `error` is None if no exception ended it."""

    caller: Caller
    request_id: str
    ended_at: datetime
    method: str
    route: str
    path_parameters: Mapping[str, str]
    status: int
    error: Exception | None
    content: Any

    @property
    def has_failed(self) -> bool:
        """Whether the response was an error."""
        return _is_error(self.status)


class _Served(NamedTuple):
    """A response, and its form for API Gateway."""

    response: Response
    sent: dict[str, Any]
    caller: Caller | None
    error: Exception | None


def no_quota(request: Request) -> Callable[[], None]:
    """No quota."""
    del request
    return lambda: None


class HttpApp:
    """The routes of one function. Call it with an API Gateway event."""

    def __init__(
        self,
        *,
        check_quota: Callable[[Request], Callable[[], None]] = no_quota,
        note: Callable[[Outcome], None] | None = None,
        saved_responses: Callable[[], SavedResponses] | None = None,
        body_limit_bytes: int = BODY_LIMIT_BYTES,
    ) -> None:
        """`check_quota` raises TooManyRequests if a quota is spent, and returns a function that gives the request back.

        `note` takes the outcomes of a merchant's failed requests and changes; what it raises is logged and no more.
        `saved_responses` replays responses by Idempotency-Key.
        """
        self.routes: dict[tuple[str, str], Route] = {}
        self._check_quota = check_quota
        self._note = note
        self._saved_responses = saved_responses
        self._body_limit_bytes = body_limit_bytes

    def route(self, method: str, path: str, **options: Any) -> Register:
        """Register the handler of a method and a path; `options` are fields of `Route`."""

        def register(handle: Handler) -> Handler:
            route = Route(method, path, handle, **options)
            if route.paged and route.query is not None:
                route = route._replace(query={**route.query, **PAGING})
            self.routes[method, path] = route
            return handle

        return register

    get: partialmethod[Register] = partialmethod(route, "GET")
    put: partialmethod[Register] = partialmethod(route, "PUT")
    post: partialmethod[Register] = partialmethod(route, "POST")
    patch: partialmethod[Register] = partialmethod(route, "PATCH")
    delete: partialmethod[Register] = partialmethod(route, "DELETE")

    def __call__(self, event: dict[str, Any], context: Any) -> dict[str, Any]:
        """Handle one API Gateway proxy event. Never raises: each error becomes a response."""
        started = time.perf_counter()
        request_id = (event.get("requestContext") or {}).get("requestId", "")
        invocation = bind_invocation(request_id)
        served = self._serve(event, request_id, context)
        metrics = served.response.metrics
        if _is_error(served.response.status):
            metrics = {**metrics, f"Responses{served.response.status // 100}xx": Metric(1)}
        try:
            if _is_logged(served):
                log_request(
                    utc_now(),
                    metrics,
                    **invocation,
                    route=f"{event['httpMethod']} {event['resource']}",
                    status=served.response.status,
                    merchant_id=(served.caller and served.caller.merchant_id) or None,
                    key_id=(served.caller and served.caller.key_id) or None,
                    duration_ms=round((time.perf_counter() - started) * 1000, 2),
                )
            else:
                log_metrics(utc_now(), metrics)
        except Exception:  # noqa: BLE001 - the response must go out in any case
            logger.exception("the request was not logged")
        try:
            self._note_outcome(event, request_id, served)
        except Exception:  # noqa: BLE001 - as above
            logger.warning("the outcome was not noted", exc_info=True)
        return served.sent

    def _note_outcome(self, event: dict[str, Any], request_id: str, served: _Served) -> None:
        """Note a failed request or a change of a merchant; other requests need no log but ours."""
        caller, response = served.caller, served.response
        if self._note is None or caller is None or not caller.merchant_id:
            return
        method, path = event["httpMethod"], event["resource"]
        if not _is_error(response.status) and (method == "GET" or not _is_change(self.routes[method, path])):
            return
        parameters = {name: encodable(value) for name, value in _path_parameters(event).items()}
        self._note(
            Outcome(
                caller, request_id, utc_now(), method, path, parameters, response.status, served.error, response.content
            )
        )

    def _serve(self, event: dict[str, Any], request_id: str, context: Any) -> _Served:
        """The response and its form for API Gateway; a response that cannot be encoded becomes a 500."""
        route = self.routes.get((event["httpMethod"], event["resource"]))
        caller = refusal = None
        caching = _NOT_STORED
        try:
            try:
                caller = _read_caller(event)
                request = _read_request(event, request_id, route, self._body_limit_bytes, caller)
                response = self._response(route, request, context)
                caching = cache_control(route, request, response)
            except ServiceError as error:
                refusal = error
                translate = route.on_error if route else None
                response = translate(error) if translate else _problem_response(error, event, request_id)
            return _Served(response, _gateway_response(response, event, caching), caller, refusal)
        except Exception as error:  # noqa: BLE001 - nothing internal may reach the caller
            logger.exception("unexpected error")
            response = _problem_response(error, event, request_id)
            return _Served(response, _gateway_response(response, event, _NOT_STORED), caller, error)

    def _authorize(self, route: Route, request: Request) -> None:
        if route.scope == ANYONE:
            return
        if not request.merchant_id:
            raise Unauthenticated(request.caller.refusal or "Send a key in the header X-Api-Key.")
        if request.caller.refusal:
            raise Forbidden(request.caller.refusal)
        if request.caller.role not in ROLES[route.scope]:
            needed = " or ".join(ROLES[route.scope])
            raise Forbidden(f"This needs a key with the role {needed}; this key's role is {request.caller.role}.")

    def _response(self, route: Route | None, request: Request, context: Any) -> Response:
        """Respond to a request. A client's error spends nothing of the key's quota."""
        if route is None:
            raise NotFound("There is nothing at this path.")
        self._authorize(route, request)
        give_back = no_quota(request) if route.scope == ANYONE else self._check_quota(request)
        try:
            response = self._handle(route, request, context)
        except ServiceError as error:
            if _is_clients_error(status_of(error)):
                give_back()
            raise
        if _is_clients_error(response.status):
            give_back()
        return response

    def _handle(self, route: Route, request: Request, context: Any) -> Response:
        request = request._replace(query=_read_query(route, request.query))
        key = request.headers.get("idempotency-key")
        if key is None or request.method == "GET" or self._saved_responses is None:
            return route.handle(request)
        if not 1 <= len(key) <= 255:  # noqa: PLR2004 - the bound is in the message
            raise InvalidRequest(
                "Idempotency-Key must have 1 to 255 characters",
                [FieldError("/header/Idempotency-Key", "must have 1 to 255 characters")],
            )
        return self._saved_responses().response(key, request, context, lambda: route.handle(request))


def _is_change(route: Route) -> bool:
    """Whether the writes of a route belong in the change log."""
    return route.is_change and PUBLISHABLE not in ROLES.get(route.scope, (PUBLISHABLE,))


def _is_error(status: int) -> bool:
    return status >= 400  # noqa: PLR2004 - where errors begin


def _is_clients_error(status: int) -> bool:
    return 400 <= status < 500  # noqa: PLR2004 - HTTP's range of client errors


def parse_json(raw: bytes, model: type[Body]) -> Body:
    """Parse JSON bytes as `model`. Raises MalformedRequest or InvalidRequest."""
    from pydantic import ValidationError  # noqa: PLC0415 - reading functions never load pydantic

    if is_too_deep(raw):
        raise MalformedRequest(f"The body cannot be read: it {TOO_DEEP}.")
    try:
        return model.model_validate_json(raw, strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        if first["type"] == "json_invalid":
            raise MalformedRequest(f"The body is not JSON: {first['ctx']['error']}") from error
        raise InvalidRequest("The body breaks the schema; see errors.", _field_errors(error)) from error


def parse_items(raw: bytes, model: type[BaseModel]) -> list[Any]:
    """The items of the only list of `model`, validated one by one: see `Request.items`."""
    [(name, field)] = model.model_fields.items()
    try:
        return list(getattr(parse_json(raw, model), name))
    except (MalformedRequest, InvalidRequest):
        sent = _list_in(raw, name)
        if not sent:
            raise
    most = next(rule.max_length for rule in field.metadata if hasattr(rule, "max_length"))
    if len(sent) > most:
        rule = f"must have at most {most} items"
        raise InvalidRequest(f"{name} {rule}", [FieldError(f"/{name}", rule)])
    item_model = get_args(field.annotation)[0]
    return [_validated(item, item_model) for item in sent]


def _list_in(raw: bytes, name: str) -> list[Any] | None:
    """The list under the body's only name, or None."""
    try:
        body = DECODER.decode(raw.decode())
    except (ValueError, RecursionError):
        return None
    items = body.get(name) if isinstance(body, dict) and len(body) == 1 else None
    return items if isinstance(items, list) else None


def _validated(item: Any, model: type[BaseModel]) -> BaseModel | Refused:
    try:
        check_value(item)
        check_text(item)
        return parse_json(json.dumps(item).encode(), model)
    except InvalidRequest as error:
        return Refused(item, error.errors)
    except ValueError as error:
        return Refused(item, [FieldError("", str(error))])


def _field_errors(error: ValidationError) -> list[FieldError]:
    """The broken rules by JSON pointer (RFC 6901), at most `_MOST_ERRORS` and a count of the others."""
    rules = broken_rules(error)
    errors = [
        FieldError("".join(f"/{_escaped(part)}" for part in rule.path)[:_LONGEST_POINTER], rule.detail)
        for rule in rules[:_MOST_ERRORS]
    ]
    more = len(rules) - _MOST_ERRORS
    return errors if more <= 0 else [*errors, FieldError("", f"{more} more errors are not listed")]


def _escaped(part: str | int) -> str:
    return encodable(str(part)).replace("~", "~0").replace("/", "~1")


def encodable(text: str) -> str:
    """The text with `?` for characters that are not Unicode, so that a response can carry it."""
    return text.encode("utf-8", "replace").decode()


def _read_query(route: Route, sent: Mapping[str, Sequence[str]]) -> Mapping[str, Any]:
    if route.query is None:
        return _NONE
    if len(sent.get(KEY_PARAMETER, ())) == 1:  # the authorizer has read it
        sent = {name: texts for name, texts in sent.items() if name != KEY_PARAMETER}
    return read_query(route.query, sent)


def _read_caller(event: dict[str, Any]) -> Caller:
    authorized = (event.get("requestContext") or {}).get("authorizer") or {}
    return Caller(
        merchant_id=authorized.get("merchant_id", ""),
        key_id=authorized.get("key_id", ""),
        kind=authorized.get("kind", ""),
        role=authorized.get("role") or authorized.get("kind", ""),  # authorizers before the update send no role
        merchant_secret=authorized.get("merchant_secret", ""),
        identity_secrets=tuple(authorized.get("identity_secrets", "").split()),
        requests_per_minute=int(authorized.get("requests_per_minute", 0)),
        refusal=authorized.get("refusal", ""),
        label=authorized.get("label", ""),
        reviewer=authorized.get("reviewer", ""),
    )


def _read_request(
    event: dict[str, Any], request_id: str, route: Route | None, body_limit_bytes: int, caller: Caller
) -> Request:
    sent = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
    headers = {name: value for name, value in sent.items() if name in READ_HEADERS}
    if caller.reviewer:
        headers["x-reviewer"] = caller.reviewer
    path = event.get("path") or "/"
    path_parameters = _path_parameters(event)
    query = event.get("multiValueQueryStringParameters") or {
        name: [text] for name, text in (event.get("queryStringParameters") or {}).items()
    }
    _refuse_half_characters(path, *path_parameters.values(), *headers.values())
    for name, texts in query.items():
        _refuse_half_characters(name, *texts)
    return Request(
        method=event["httpMethod"],
        route=event["resource"],
        path=path,
        path_parameters=path_parameters,
        query=query,
        headers=headers,
        media_types=route.media_types if route else (),
        raw_body=_read_body(event, body_limit_bytes),
        caller=caller,
        request_id=request_id,
        now=utc_now(),
        source_address=_source_address(event.get("requestContext") or {}, sent),
    )


def _refuse_half_characters(*texts: str) -> None:
    try:
        "".join(texts).encode()
    except UnicodeEncodeError as error:
        raise MalformedRequest(f"The path, query and headers {HALF_A_CHARACTER}.") from error


def _path_parameters(event: dict[str, Any]) -> dict[str, str]:
    return {name: unquote(value) for name, value in (event.get("pathParameters") or {}).items()}


def _source_address(context: Mapping[str, Any], headers: Mapping[str, str]) -> str:
    """The sender's IPv4 address, or the first half of an IPv6 address, which networks assign to one user."""
    address: str = _viewer_address(headers) or (context.get("identity") or {}).get("sourceIp") or ""
    if ":" not in address:
        return address
    try:
        packed = socket.inet_pton(socket.AF_INET6, address)
    except OSError:
        return address
    if packed.startswith(_IPV4_IN_IPV6):
        return socket.inet_ntop(socket.AF_INET, packed[-4:])
    return packed[:8].hex()


def _is_logged(served: _Served) -> bool:
    """Draw whether a request is logged: always if it failed, or was sent with a secret key or none."""
    if _is_error(served.response.status) or served.caller is None or served.caller.kind != PUBLISHABLE:
        return True
    return random.random() < float(setting("LOGGED_SHARE", "1.0"))  # noqa: S311 - it protects nothing


def _viewer_address(headers: Mapping[str, str]) -> str:
    """The viewer's address if the request came through the edge, which proves it by its secret; otherwise empty."""
    sent = headers.get("x-edge-secret")
    if sent is None:
        return ""
    secret = setting("EDGE_SECRET", "")
    if not secret or not hmac.compare_digest(sent.encode(), secret.encode()):
        return ""
    return headers.get("cloudfront-viewer-address", "").rpartition(":")[0]  # a port follows, IPv6 has no brackets


def _read_body(event: dict[str, Any], limit_bytes: int) -> bytes:
    text = event.get("body") or ""
    # Half a character cannot be encoded; passed on as bytes, it is refused as invalid JSON.
    raw = base64.b64decode(text) if event.get("isBase64Encoded") else text.encode("utf-8", "surrogatepass")
    if len(raw) > limit_bytes:
        raise TooLarge(
            f"The body has {len(raw)} bytes; at most {limit_bytes} are accepted. Split it into several requests."
        )
    return raw


def _problem_response(error: Exception, event: dict[str, Any], request_id: str) -> Response:
    document = problem(error, instance=encodable(event.get("path") or "/"), request_id=request_id)
    return Response(status_of(error), document, {"Content-Type": _PROBLEM, **headers_of(error)})


def cache_control(route: Route | None, request: Request, response: Response) -> str:
    """The Cache-Control of a response. Shared caches may store only what is the same for all its readers.

    These are responses of a cacheable route to a request without a secret key that names no person. Responses to a
    secret key are revalidated each time; personal responses, writes and errors are not stored at all.
    """
    if request.method != "GET" or _is_error(response.status):
        return _NOT_STORED
    if request.caller.kind == SECRET:
        return _REVALIDATED
    if route is None or not route.cacheable or names_person(request):
        return _NOT_STORED
    seconds = response.shared_seconds
    if seconds == FOREVER_SECONDS:
        return f"public, max-age={seconds}, immutable"
    if response.status != 200:  # noqa: PLR2004 - the target of a redirect expires
        return f"public, max-age={seconds}"
    return f"public, max-age={seconds}, s-maxage={seconds}, {_STALE}"


def names_person(request: Request) -> bool:
    """Whether a request names a person, by a token, a visitor's id or a session: its response may be personal."""
    return (
        TOKEN_HEADER in request.headers
        or not PERSON_PARAMETERS.isdisjoint(request.query)
        or any(value.startswith(VISITOR_PREFIX) for value in request.path_parameters.values())
    )


def _gateway_response(response: Response, event: dict[str, Any], caching: str) -> dict[str, Any]:
    """The response in API Gateway's form. Raises if it cannot be encoded."""
    headers = {**CORS_HEADERS, "Cache-Control": caching, "X-Content-Type-Options": "nosniff"}
    for name, value in response.headers.items():
        headers[name] = value if value.isascii() else quote(value, safe=_ASCII)
    status = response.status
    is_binary = isinstance(response.content, bytes)
    encoded = (
        b"" if response.content is None else response.content if is_binary else _text_of(response.content).encode()
    )
    body = base64.b64encode(encoded).decode() if is_binary else encoded.decode()
    if response.content is not None:
        headers.setdefault("Content-Type", _JSON)
    if event["httpMethod"] == "GET" and status == 200:  # noqa: PLR2004
        if response.passing:
            lasting = {name: value for name, value in response.content.items() if name not in response.passing}
            encoded = _text_of(lasting).encode()
        etag = f'"{hashlib.sha256(encoded).hexdigest()[:32]}"'
        headers["ETag"] = etag
        headers["Vary"] = "X-Api-Key, X-User-Token"
        if _matches(event.get("headers") or {}, etag):
            status, body, is_binary = 304, "", False
            del headers["Content-Type"]
    return {"statusCode": status, "headers": headers, "body": body, "isBase64Encoded": is_binary}


def _text_of(content: Any) -> str:
    return content if isinstance(content, str) else _encode(content)


def _matches(headers: Mapping[str, str], etag: str) -> bool:
    known = next((value for name, value in headers.items() if name.lower() == "if-none-match"), "")
    return known.strip() == "*" or etag in (part.strip().removeprefix("W/") for part in known.split(","))
