"""The only client for URLs that merchants name: all connections to other hosts go through here.

A host name is resolved once, all its addresses must be public, and the connection goes to an address that was checked,
so a name that resolves differently a moment later changes nothing. Each redirect is checked in the same way.

`Fetcher.open` returns a file that downloads only what is read from it; `Fetcher.fetch` tries again after a pause if the
host is busy or breaks off. Every failure is a `FetchError` whose `code` names the broken rule.
"""

from __future__ import annotations

import io
import ipaddress
import math
import random
import re
import socket
import ssl
import threading
import time
import zlib
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cached_property
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, Self, TypeVar, cast
from urllib.parse import quote, urljoin, urlsplit

import h11
import idna

from vitrine.platform.budget import Budget, BudgetSpentError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from _typeshed import WriteableBuffer

Result = TypeVar("Result")

BLOCK_BYTES: Final = 4096
FIRST_RANGE_BYTES: Final = 32 * 1024
LAST_RANGE_BYTES: Final = 256 * 1024
HEADER_BYTES: Final = 32 * 1024
SOCKET_BUFFER_BYTES: Final = 64 * 1024
IDLE_PER_HOST: Final = 32
RESOLVERS: Final = 32
LONGEST_VALIDATOR: Final = 256
LONGEST_HOST: Final = 253
REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
SEPARATORS: Final = re.compile(r"[\x00-\x20\x7f\\]")
ENCODINGS: Final = frozenset({"gzip", "x-gzip", "deflate"})
UNPACKED_BYTES: Final = 64 * 1024
PASSING: Final = frozenset({"timed_out", "connection_broken"})
BUSY: Final = frozenset({HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE})

# `ipaddress.is_global` counts NAT64, 6to4 and multicast as public, and `is_private` misses CGNAT, so this list is our
# own: the special-purpose blocks of the registries, and of IPv6 only the assigned part.
DENIED_IPV4: Final = tuple(
    ipaddress.IPv4Network(block)
    for block in (
        "0.0.0.0/8",  # this network
        "10.0.0.0/8",
        "100.64.0.0/10",  # carrier-grade NAT, and metadata services of some clouds
        "127.0.0.0/8",
        "168.63.129.16/32",  # a cloud's metadata service on a public address
        "169.254.0.0/16",  # link-local, and metadata
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.31.196.0/24",
        "192.52.193.0/24",
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",
        "192.175.48.0/24",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, and broadcast
    )
)
ASSIGNED_IPV6: Final = ipaddress.IPv6Network("2000::/3")
DENIED_IPV6: Final = tuple(
    ipaddress.IPv6Network(block)
    for block in (
        "2001::/23",  # Teredo, benchmarking, ORCHID
        "2001:db8::/32",
        "2002::/16",  # 6to4 carries any IPv4 address
        "2620:4f:8000::/48",
        "3fff::/20",
    )
)


class FetchError(Exception):
    """A refusal or a failure: `code` is for programs, `detail` for the person who sent the URL.

    `again_after` is the number of seconds after which another try may succeed, or None if none will.
    """

    def __init__(self, code: str, detail: str, again_after: float | None = None) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.again_after = 0.0 if code in PASSING else again_after


@dataclass(frozen=True, slots=True)
class FetchLimits:
    """Limits for one file.

    `seconds` is the time from the request to the last byte that is read. `steps` (reads, seeks, HTTP events) and
    `processor_seconds` are the budget of all tries together. The last try starts at most `tries_seconds` after the
    first failure. At most `in_flight` files are open at a time, and `per_host` of one host.
    """

    seconds: float = 10.0
    connect_seconds: float = 3.0
    bytes: int = 16 * 1024 * 1024
    redirects: int = 3
    ports: frozenset[int] = frozenset({80, 443})
    steps: int = 40_000
    processor_seconds: float = 0.5
    tries: int = 5
    tries_seconds: float = 10.0
    first_pause_seconds: float = 0.2
    in_flight: int = 32
    per_host: int = 16


@dataclass(frozen=True, slots=True)
class Validator:
    """A host's validators of a version of a file, for conditional requests."""

    etag: str | None = None
    last_modified: str | None = None

    def __bool__(self) -> bool:
        """Whether the host sent a validator."""
        return bool(self.etag or self.last_modified)

    @property
    def condition(self) -> dict[str, str]:
        """The header that requests the file only if its version differs."""
        if self.etag:
            return {"If-None-Match": self.etag}
        return {"If-Modified-Since": self.last_modified} if self.last_modified else {}


@dataclass(frozen=True, slots=True)
class Target:
    """A parsed URL."""

    scheme: str
    host: str
    port: int
    path: str
    exempt: bool = False

    @property
    def origin(self) -> tuple[str, str, int, bool]:
        """The key under which idle connections are kept."""
        return self.scheme, self.host, self.port, self.exempt

    @property
    def authority(self) -> str:
        """The value of the header `Host`."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        default = 443 if self.scheme == "https" else 80
        return host if self.port == default else f"{host}:{self.port}"


def is_public(address: str) -> bool:
    """Whether connections to this address are allowed."""
    ip = ipaddress.ip_address(address)
    if isinstance(ip, ipaddress.IPv4Address):
        return not any(ip in block for block in DENIED_IPV4)
    return ip.scope_id is None and ip in ASSIGNED_IPV6 and not any(ip in block for block in DENIED_IPV6)


def parse(url: str) -> Target:
    """Parse a URL. Requests are built from its parts, never from the text. Raises FetchError."""
    if SEPARATORS.search(url.strip()):
        raise FetchError("url_invalid", "The URL contains a space, a backslash or a control character")
    try:
        parts = urlsplit(url.strip())
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise FetchError("url_invalid", "The URL cannot be read") from error
    if parts.scheme not in {"http", "https"}:
        raise FetchError("scheme_not_allowed", "Only http and https URLs are fetched")
    if parts.username is not None or parts.password is not None:
        raise FetchError("credentials_in_url", "The URL contains a user name; use one without")
    path = quote(parts.path or "/", safe="/%:@!$&'()*+,;=~")
    query = quote(parts.query, safe="/%:@!$&'()*+,;=~?[]")
    return Target(
        scheme=parts.scheme,
        host=_ascii_host(host),
        port=port or (443 if parts.scheme == "https" else 80),
        path=f"{path}?{query}" if query else path,
    )


def _ascii_host(host: str) -> str:
    if len(host) > LONGEST_HOST:
        raise FetchError("url_invalid", "The URL's host is not a valid name")
    if ":" in host:
        try:
            return str(ipaddress.IPv6Address(host))
        except ValueError as error:
            raise FetchError("url_invalid", "The URL's host is not an IPv6 address") from error
    try:
        # UTS 46 maps circled digits, full-width dots and the like to ASCII.
        ascii_host = host.lower() if host.isascii() else idna.encode(host, uts46=True).decode()
    except idna.IDNAError as error:
        raise FetchError("url_invalid", "The URL's host is not a valid name") from error
    if not ascii_host.rstrip("."):
        raise FetchError("url_invalid", "The URL has no host")
    return ascii_host


def _redirected(url: str, location: str) -> str:
    try:
        return urljoin(url, location)
    except ValueError as error:
        raise FetchError("url_invalid", "The host redirects to a URL that cannot be read") from error


def _system_resolver(host: str, port: int) -> list[str]:
    results = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(result[4][0]) for result in results))


class _Deadline:
    """The time and the work that one try has left."""

    def __init__(self, seconds: float, budget: Budget) -> None:
        self._at = time.monotonic() + seconds
        self.budget = budget

    def left(self) -> float:
        left = self._at - time.monotonic()
        if left <= 0:
            raise FetchError("timed_out", "The host took too long")
        return left

    def spend(self) -> None:
        try:
            self.budget.spend()
        except BudgetSpentError as error:
            raise FetchError("too_much_work", "The file takes too much work to read") from error


class _Places:
    """Limits the number of files that are open at a time, in all and per host."""

    def __init__(self, in_flight: int, per_host: int) -> None:
        self._in_flight = in_flight
        self._per_host = per_host
        self._taken: dict[str, int] = {}
        self._changed = threading.Condition()

    def take(self, host: str, seconds: float) -> None:
        """Wait for a place. Raises FetchError after `seconds`."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._is_free(host), min(seconds, threading.TIMEOUT_MAX)):
                raise FetchError("timed_out", "The host took too long with other files")
            self._taken[host] = self._taken.get(host, 0) + 1

    def give_back(self, host: str) -> None:
        with self._changed:
            self._taken[host] -= 1
            if not self._taken[host]:
                del self._taken[host]
            self._changed.notify_all()

    def _is_free(self, host: str) -> bool:
        return self._taken.get(host, 0) < self._per_host and sum(self._taken.values()) < self._in_flight


class Fetcher:
    """Opens files on other hosts.

    `allowed_hosts` are exempt from the address and port rules, for tests and the demo, which serve pictures from this
    machine: `host:port` always, `host` on any port unless another host redirects there.
    """

    def __init__(
        self,
        *,
        allowed_hosts: frozenset[str] = frozenset(),
        limits: FetchLimits | None = None,
        resolve: Callable[[str, int], list[str]] = _system_resolver,
        trust: ssl.SSLContext | None = None,
    ) -> None:
        self.limits = limits or FetchLimits()
        self._allowed_hosts = allowed_hosts
        self._resolve = resolve
        self._trust = trust
        self._resolvers = ThreadPoolExecutor(RESOLVERS, thread_name_prefix="resolve")
        self._idle: dict[tuple[str, str, int, bool], list[_Connection]] = defaultdict(list)
        self._lock = threading.Lock()
        self._places = _Places(self.limits.in_flight, self.limits.per_host)

    def fetch(
        self,
        url: str,
        act: Callable[[RemoteFile], Result],
        *,
        unless: Validator | None = None,
        until: float = math.inf,
    ) -> Result:
        """Open a file and call `act` with it; try again if the host is busy, takes too long or breaks off.

        Pauses double, vary, and last at least as long as the host asks for. `until` is a time of `time.monotonic`.
        """
        limits = self.limits
        budget = Budget(limits.steps, limits.processor_seconds)
        last_start = until
        pause = limits.first_pause_seconds
        for tries_left in reversed(range(limits.tries)):
            try:
                with self.open(url, unless=unless, budget=budget, until=until) as file:
                    return act(file)
            except FetchError as error:
                if error.again_after is None or not tries_left:
                    raise
                last_start = min(last_start, time.monotonic() + limits.tries_seconds)
                wait = max(error.again_after, pause * random.uniform(0.5, 1.0))  # noqa: S311 - no secret
                if time.monotonic() + wait > last_start:
                    raise
            time.sleep(wait)
            pause *= 2
        raise AssertionError("unreachable")

    def open(
        self, url: str, *, unless: Validator | None = None, budget: Budget | None = None, until: float = math.inf
    ) -> RemoteFile:
        """Request the start of a file; the rest is downloaded as it is read. Close it: each host has few places.

        With `unless`, the file is `unchanged` and empty if the host still has that version.
        """
        budget = budget or Budget(self.limits.steps, self.limits.processor_seconds)
        condition = unless.condition if unless else {}
        requested = parse(url)
        seconds_left = self.limits.seconds
        for _ in range(self.limits.redirects + 1):
            target = self._checked(parse(url), requested)
            self._places.take(target.host, until - time.monotonic())
            try:
                deadline = _Deadline(min(seconds_left, until - time.monotonic()), budget)
                response = self.request(target, deadline, {**_range(0, FIRST_RANGE_BYTES), **condition})
                if response.status not in REDIRECTS:
                    return RemoteFile(self, target, response, deadline)
                seconds_left = deadline.left()
                response.close()
            except BaseException:
                self.give_back(target)
                raise
            self.give_back(target)
            url = _redirected(url, response.headers.get("location", ""))
        raise FetchError("too_many_redirects", f"More than {self.limits.redirects} redirects")

    def give_back(self, target: Target) -> None:
        """Free the file's place for another file of its host."""
        self._places.give_back(target.host)

    def request(self, target: Target, deadline: _Deadline, headers: Mapping[str, str]) -> _Response:
        """Send a request on an idle connection, or on a new one to a checked address."""
        while connection := self._idle_connection(target):
            try:
                return connection.request(target, deadline, headers)
            except _StaleConnectionError:
                continue
        try:
            return self._connect(target, deadline).request(target, deadline, headers)
        except _StaleConnectionError as error:
            raise FetchError("connection_broken", "The host closed the connection") from error

    def close(self) -> None:
        """Close the idle connections."""
        with self._lock:
            idle = [connection for pool in self._idle.values() for connection in pool]
            self._idle.clear()
        for connection in idle:
            connection.close()
        self._resolvers.shutdown(wait=False)

    def _checked(self, target: Target, requested: Target) -> Target:
        exempt = f"{target.host}:{target.port}" in self._allowed_hosts or (
            target.host in self._allowed_hosts and (target.host, target.port) == (requested.host, requested.port)
        )
        if target.port not in self.limits.ports and not exempt:
            raise FetchError("port_not_allowed", f"Port {target.port} is not allowed; serve pictures on port 80 or 443")
        return replace(target, exempt=exempt)

    def _addresses(self, target: Target, deadline: _Deadline) -> list[str]:
        lookup = self._resolvers.submit(self._resolve, target.host, target.port)
        try:
            addresses = lookup.result(timeout=min(deadline.left(), self.limits.connect_seconds))
        except FutureTimeoutError as error:
            lookup.cancel()
            raise FetchError("timed_out", "The host's name took too long to resolve") from error
        except (OSError, UnicodeError) as error:
            raise FetchError("host_not_found", "The host's name does not resolve") from error
        if not target.exempt and not all(is_public(address) for address in addresses):
            raise FetchError("address_not_allowed", "The host is not on the public internet")
        return addresses

    def _connect(self, target: Target, deadline: _Deadline) -> _Connection:
        failure: Exception | None = None
        for address in self._addresses(target, deadline):
            try:
                return _Connection(self, target, self._socket(address, target, deadline))
            except TimeoutError as error:
                failure = error
            except ssl.SSLError as error:
                raise FetchError("tls_failed", "The host's certificate is not valid") from error
            except OSError as error:
                failure = error
        if isinstance(failure, TimeoutError):
            raise FetchError("timed_out", "The host does not respond") from failure
        raise FetchError("connect_failed", "The host refuses the connection") from failure

    def _socket(self, address: str, target: Target, deadline: _Deadline) -> socket.socket:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        raw = socket.socket(family, socket.SOCK_STREAM)
        try:
            # A host that ignores ranges goes on sending until this buffer is full, so it is small.
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SOCKET_BUFFER_BYTES)
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            raw.settimeout(min(deadline.left(), self.limits.connect_seconds))
            raw.connect((address, target.port))
            if target.scheme == "http":
                return raw
            raw.settimeout(deadline.left())
            return self._trusted.wrap_socket(raw, server_hostname=target.host.rstrip("."))
        except BaseException:
            raw.close()
            raise

    @cached_property
    def _trusted(self) -> ssl.SSLContext:
        return self._trust or ssl.create_default_context()

    def _idle_connection(self, target: Target) -> _Connection | None:
        with self._lock:
            pool = self._idle[target.origin]
            return pool.pop() if pool else None

    def keep(self, target: Target, connection: _Connection) -> None:
        """Take back a connection whose response was read to its end."""
        with self._lock:
            pool = self._idle[target.origin]
            if len(pool) < IDLE_PER_HOST:
                pool.append(connection)
                return
        connection.close()


class _StaleConnectionError(Exception):
    """The connection ended before the response began."""


class _Connection:
    def __init__(self, fetcher: Fetcher, target: Target, sock: socket.socket) -> None:
        self._fetcher = fetcher
        self._target = target
        self._sock = sock
        self._http = h11.Connection(h11.CLIENT, max_incomplete_event_size=HEADER_BYTES)
        self._ended = False

    def request(self, target: Target, deadline: _Deadline, headers: Mapping[str, str]) -> _Response:
        request = h11.Request(
            method="GET",
            target=target.path,
            headers=[
                ("Host", target.authority),
                ("User-Agent", "Vitrine/1"),
                ("Accept", "*/*"),
                ("Accept-Encoding", "identity"),
                *headers.items(),
            ],
        )
        sent = self._http.send(request) + self._http.send(h11.EndOfMessage())
        try:
            self._sock.settimeout(deadline.left())
            self._sock.sendall(sent)
            while isinstance(event := self.next_event(deadline), h11.InformationalResponse):
                pass
        except TimeoutError as error:
            self.close()
            raise FetchError("timed_out", "The host took too long to respond") from error
        except OSError as error:
            self.close()
            raise _StaleConnectionError from error
        except BaseException:
            self.close()
            raise
        return _Response(self, deadline, cast("h11.Response", event))

    def next_event(self, deadline: _Deadline) -> h11.Event:
        """Wait for the next part of the response. Raises OSError if the connection breaks."""
        while True:
            deadline.spend()
            try:
                event = self._http.next_event()
            except h11.RemoteProtocolError as error:
                if self._ended:
                    raise ConnectionResetError from error
                raise FetchError("bad_response", "The host's response is not valid HTTP") from error
            if event is h11.NEED_DATA:
                self._sock.settimeout(deadline.left())
                data = self._sock.recv(FIRST_RANGE_BYTES)
                self._ended = not data
                self._http.receive_data(data)
            elif isinstance(event, type):
                raise ConnectionResetError
            else:
                return event

    def release(self) -> None:
        """Keep the connection for another request if its response was read to the end; otherwise close it."""
        finished = self._http.our_state is h11.DONE and self._http.their_state is h11.DONE
        if finished and self._http.trailing_data == (b"", False):
            self._http.start_next_cycle()
            self._fetcher.keep(self._target, self)
        else:
            self.close()

    def close(self) -> None:
        self._sock.close()


class _Response:
    """A response: its head has arrived, its body is received as it is read."""

    def __init__(self, connection: _Connection, deadline: _Deadline, head: h11.Response) -> None:
        self.status = head.status_code
        self.headers = {name.decode(): value.decode("latin-1") for name, value in head.headers}
        self._connection: _Connection | None = connection
        self._deadline = deadline

    @property
    def validator(self) -> Validator:
        return Validator(self._validator("etag"), self._validator("last-modified"))

    def _validator(self, name: str) -> str | None:
        """A validator that can be sent back, or None."""
        value = self.headers.get(name, "")
        return value if value.isascii() and 0 < len(value) <= LONGEST_VALIDATOR else None

    def chunk(self) -> bytes:
        """The next bytes of the body; empty at its end."""
        while self._connection is not None:
            try:
                event = self._connection.next_event(self._deadline)
            except TimeoutError as error:
                self.abort()
                raise FetchError("timed_out", "The host took too long to send the file") from error
            except OSError as error:
                self.abort()
                raise FetchError("connection_broken", "The host sent less than it announced") from error
            except FetchError:
                self.abort()
                raise
            if not isinstance(event, h11.Data):
                self.close()
            elif event.data:
                return bytes(event.data)
        return b""

    def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection:
            connection.release()

    def abort(self) -> None:
        connection, self._connection = self._connection, None
        if connection:
            connection.close()


def _range(start: int, count: int) -> dict[str, str]:
    return {"Range": f"bytes={start}-{start + count - 1}"}


CONTENT_RANGE: Final = re.compile(r"bytes ([0-9]{1,18})-[0-9]{1,18}/([0-9]{1,18})")
LENGTH: Final = re.compile(r"[0-9]{1,18}")
RETRY_AFTER: Final = re.compile(r"[0-9]{1,5}")
LONGEST_DATE: Final = 40


def _length(text: str) -> int:
    if not LENGTH.fullmatch(text):
        raise FetchError("bad_response", "The host's response has an invalid length")
    return int(text)


def _again_after(headers: Mapping[str, str]) -> float:
    """The seconds that `Retry-After` asks for; 0 if it is missing or invalid."""
    text = headers.get("retry-after", "")
    if RETRY_AFTER.fullmatch(text):
        return float(text)
    try:
        return (parsedate_to_datetime(text[:LONGEST_DATE]) - datetime.now(UTC)).total_seconds()
    except (TypeError, ValueError, OverflowError):
        return 0.0


class RemoteFile(io.RawIOBase):
    """A file on another host that downloads only what is read from it.

    If the host serves ranges, reading far ahead skips what lies between; otherwise the download goes as far as the
    reading does and stops there.
    """

    def __init__(self, fetcher: Fetcher, target: Target, response: _Response, deadline: _Deadline) -> None:
        super().__init__()
        self._fetcher = fetcher
        self._target = target
        self._deadline = deadline
        self._blocks: dict[int, bytes] = {}
        self._tail = b""
        self._tail_at = 0
        self._position = 0
        self._step = FIRST_RANGE_BYTES
        self._size: int | None = None
        self._stream: _Response | None = None
        self._inflater: _Inflater | None = None
        self.bytes_fetched = 0
        self.budget = deadline.budget
        self.validator = response.validator
        self.unchanged = response.status == HTTPStatus.NOT_MODIFIED
        self._has_place = False
        try:
            self._begin(response)
        except BaseException:
            response.abort()
            self.close()
            raise
        self._has_place = True

    @property
    def near_bytes(self) -> float:
        """How far ahead of the position a read does not download much in between, in bytes."""
        if self._stream is None:
            return math.inf
        return LAST_RANGE_BYTES if self._size is not None else 0

    def _begin(self, response: _Response) -> None:
        encoding = response.headers.get("content-encoding", "identity").strip().lower()
        if response.status == HTTPStatus.PARTIAL_CONTENT and encoding != "identity":
            response.abort()
            response = self._fetcher.request(self._target, self._deadline, {})
            encoding = response.headers.get("content-encoding", "identity").strip().lower()
        match response.status:
            case HTTPStatus.PARTIAL_CONTENT:
                self._take_range(response, 0, FIRST_RANGE_BYTES)
            case HTTPStatus.OK:
                self._stream = response
                if encoding in ENCODINGS:
                    self._inflater = _Inflater(self._fetcher.limits.bytes)
                elif encoding != "identity":
                    response.abort()
                    raise FetchError("encoding_not_supported", "The host compressed the file")
                elif "content-length" in response.headers:
                    self._size = _length(response.headers["content-length"])
            case HTTPStatus.NOT_MODIFIED | HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:  # the file is empty
                self._size = 0
                response.close()
            case status:
                response.abort()
                again_after = _again_after(response.headers) if status in BUSY else None
                raise FetchError("http_status", f"The host responded with status {status}", again_after)

    def _take_range(self, response: _Response, start: int, wanted: int) -> None:
        match = CONTENT_RANGE.fullmatch(response.headers.get("content-range", ""))
        if response.status != HTTPStatus.PARTIAL_CONTENT or not match or int(match[1]) != start:
            response.abort()
            raise FetchError("bad_response", "The host sent another part than the one requested")
        if response.validator != self.validator:
            response.abort()
            raise FetchError("changed_midway", "The file changed while it was read")
        self._size = int(match[2])
        body = bytearray()
        while chunk := response.chunk():
            self._count(chunk)
            body += chunk
            if len(body) > wanted:
                response.abort()
                break
        at_end = start + len(body) >= self._size
        taken = len(body) if at_end else len(body) - len(body) % BLOCK_BYTES
        if not taken:
            raise FetchError("connection_broken", "The host sent less than it announced")
        for offset in range(0, taken, BLOCK_BYTES):
            self._blocks[(start + offset) // BLOCK_BYTES] = bytes(body[offset : offset + BLOCK_BYTES])

    def _count(self, chunk: bytes) -> None:
        self.bytes_fetched += len(chunk)
        if self.bytes_fetched > self._fetcher.limits.bytes:
            self.close()
            raise FetchError(
                "too_many_bytes",
                f"Nothing to measure in the first {self._fetcher.limits.bytes:,} bytes",
            )

    def _pump(self) -> bool:
        """Receive the next part of the stream; False at its end."""
        if self._stream is None:
            return False
        data = self._inflater.more() if self._inflater else b""
        if not data:
            chunk = self._stream.chunk()
            self._count(chunk)
            data = self._inflater.feed(chunk) if self._inflater else chunk
            if not chunk and not data:
                self._blocks[self._tail_at] = self._tail
                self._size = self._streamed
                self._stream = None
                return False
        self._tail += data
        whole = len(self._tail) - len(self._tail) % BLOCK_BYTES
        for at in range(0, whole, BLOCK_BYTES):
            self._blocks[self._tail_at] = self._tail[at : at + BLOCK_BYTES]
            self._tail_at += 1
        self._tail = self._tail[whole:]
        return True

    @property
    def _streamed(self) -> int:
        return self._tail_at * BLOCK_BYTES + len(self._tail)

    def _load(self, start: int, end: int) -> None:
        """Load the blocks that contain the bytes from `start` to before `end`, as far as they exist."""
        while self._stream is not None and self._streamed < end:
            if not self._pump():
                return
        if self._stream is not None and self._streamed == self._size:
            self._pump()  # past the last byte, which frees the connection
        if self._stream is not None or self._size is None:
            return
        end = min(end, self._size)
        for block in range(start // BLOCK_BYTES, -(-end // BLOCK_BYTES)):
            if block not in self._blocks:
                first = block * BLOCK_BYTES
                self._step = min(self._step * 2, LAST_RANGE_BYTES)
                wanted = min(max(end - first, self._step), self._size - first)
                response = self._fetcher.request(self._target, self._deadline, _range(first, wanted))
                self._take_range(response, first, wanted)

    def read(self, size: int | None = -1) -> bytes:
        if size is None or size < 0:
            start = self._position
            size = max(0, self.seek(0, io.SEEK_END) - start)
            self.seek(start)
        start, end = self._position, self._position + size
        self._deadline.spend()
        if size == 0:
            return b""
        self._load(start, end)
        parts = []
        for block in range(start // BLOCK_BYTES, -(-end // BLOCK_BYTES)):
            data = self._blocks.get(block)
            if data is None:
                data = self._tail if block == self._tail_at and self._stream is not None else b""
            at = block * BLOCK_BYTES
            parts.append(data[max(0, start - at) : end - at])
            if len(data) < BLOCK_BYTES:
                break
        content = b"".join(parts)
        self._position += len(content)
        return content

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        view = memoryview(buffer).cast("B")
        data = self.read(len(view))
        view[: len(data)] = data
        return len(data)

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        self._deadline.spend()
        if whence == io.SEEK_CUR:
            offset += self._position
        elif whence == io.SEEK_END:
            while self._size is None and self._pump():
                pass
            offset += self._size or 0
        if offset < 0:
            raise ValueError("negative seek position")
        self._position = offset
        return offset

    def tell(self) -> int:
        return self._position

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def __enter__(self) -> Self:
        return self

    def close(self) -> None:
        if self._stream is not None:
            self._stream.abort()
            self._stream = None
        if self._has_place:
            self._has_place = False
            self._fetcher.give_back(self._target)
        super().close()


class _Inflater:
    """Decompresses gzip and deflate piece by piece, up to `limit` bytes."""

    def __init__(self, limit: int) -> None:
        self._zlib = zlib.decompressobj(zlib.MAX_WBITS | 32)
        self._left = limit

    def feed(self, chunk: bytes) -> bytes:
        """Decompress the start of a chunk. Data after the end of the compressed data is ignored."""
        if self._zlib.eof:
            return b""
        try:
            data = self._zlib.decompress(chunk, UNPACKED_BYTES)
        except zlib.error as error:
            raise FetchError("bad_response", "The host's compressed data is corrupt") from error
        self._left -= len(data)
        if self._left < 0:
            raise FetchError("decompression_bomb", "The decompressed file is too large")
        return data

    def more(self) -> bytes:
        """Decompress what is left of the last chunk; empty if nothing is left."""
        return self.feed(self._zlib.unconsumed_tail) if self._zlib.unconsumed_tail else b""
