"""The errors that clients see, and their form as `application/problem+json` (RFC 9457).

ServiceError
├── MalformedRequest       400  the body is not JSON, a cursor was altered
├── InvalidRequest         422  well formed, breaks the schema; carries `errors`
├── Unauthenticated        401
├── Forbidden              403
├── NotFound               404
├── MethodNotAllowed       405
├── Conflict               409
├── TooLarge               413
├── UnsupportedMediaType   415
├── TooManyRequests        429  carries `retry_after_seconds`
└── Unavailable            503  carries `retry_after_seconds`: throttled or contended, safe to send again
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence


class FieldError(NamedTuple):
    """One broken rule. `pointer` is a JSON pointer into the body, or `/query/name`, `/path/name`."""

    pointer: str
    detail: str


class ServiceError(Exception):
    """Root of all errors that are shown to callers."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class MalformedRequest(ServiceError):
    """The request cannot be read at all."""


class InvalidRequest(ServiceError):
    """The request can be read, but breaks the schema."""

    def __init__(self, detail: str, errors: Sequence[FieldError] = ()) -> None:
        super().__init__(detail)
        self.errors = tuple(errors)


class Unauthenticated(ServiceError):
    """No key, or one that is unknown or revoked."""


class Forbidden(ServiceError):
    """The key is known, but may not do this."""


class NotFound(ServiceError):
    """The resource does not exist for this merchant."""


class MethodNotAllowed(ServiceError):
    """The path exists, but not with this method."""

    def __init__(self, detail: str, allowed: Sequence[str]) -> None:
        super().__init__(detail)
        self.allowed = tuple(allowed)


class Conflict(ServiceError):
    """The request contradicts the present state."""


class TooLarge(ServiceError):
    """The body is over the limit."""


class UnsupportedMediaType(ServiceError):
    """The Content-Type of the body is not accepted."""


class RetryLater(ServiceError):
    """The same request can succeed after `retry_after_seconds`."""

    def __init__(self, detail: str, retry_after_seconds: int) -> None:
        super().__init__(detail)
        self.retry_after_seconds = retry_after_seconds


class TooManyRequests(RetryLater):
    """The key's quota is spent."""


class Unavailable(RetryLater):
    """A store is throttled or contended; nothing was lost."""


class Unstorable(Exception):
    """A store refuses a value's form. Validation should have caught it, so it is a bug and a 500."""


class ProblemKind(NamedTuple):
    """The form of errors of one class; `slug` ends the type URI."""

    status: int
    slug: str
    title: str


KINDS: dict[type[ServiceError], ProblemKind] = {
    MalformedRequest: ProblemKind(400, "malformed-request", "The request cannot be read"),
    InvalidRequest: ProblemKind(422, "invalid-request", "The request breaks the schema"),
    Unauthenticated: ProblemKind(401, "unauthenticated", "A valid key is needed"),
    Forbidden: ProblemKind(403, "forbidden", "This key may not do that"),
    NotFound: ProblemKind(404, "not-found", "Not found"),
    MethodNotAllowed: ProblemKind(405, "method-not-allowed", "Method not allowed"),
    Conflict: ProblemKind(409, "conflict", "Conflict"),
    TooLarge: ProblemKind(413, "too-large", "The body is too large"),
    UnsupportedMediaType: ProblemKind(415, "unsupported-media-type", "Unsupported media type"),
    TooManyRequests: ProblemKind(429, "too-many-requests", "Too many requests"),
    Unavailable: ProblemKind(503, "unavailable", "Try again shortly"),
}
UNEXPECTED = ProblemKind(500, "internal", "Something went wrong on our side")

TYPE_PREFIX = "urn:vitrine:problem:"


def status_of(error: Exception) -> int:
    """HTTP status of an error; 500 unless it is a `ServiceError`."""
    return _kind(error).status


def slug_of(error: Exception) -> str:
    """The end of an error's type URI."""
    return _kind(error).slug


def problem(error: Exception, *, instance: str, request_id: str) -> dict[str, Any]:
    """The RFC 9457 document of an error. Reveals nothing internal about unexpected errors."""
    kind = _kind(error)
    document: dict[str, Any] = {
        "type": TYPE_PREFIX + kind.slug,
        "title": kind.title,
        "status": kind.status,
        "detail": error.detail
        if isinstance(error, ServiceError)
        else "The request was not completed. It is safe to send it again.",
        "instance": instance,
        "request_id": request_id,
    }
    if isinstance(error, InvalidRequest) and error.errors:
        document["errors"] = [item._asdict() for item in error.errors]
    return document


def headers_of(error: Exception) -> dict[str, str]:
    """The headers that belong to an error."""
    if isinstance(error, RetryLater):
        return {"Retry-After": str(error.retry_after_seconds)}
    if isinstance(error, MethodNotAllowed):
        return {"Allow": ", ".join(error.allowed)}
    return {}


def _kind(error: Exception) -> ProblemKind:
    for ancestor in type(error).__mro__:
        if ancestor in KINDS:
            return KINDS[ancestor]
    return UNEXPECTED
