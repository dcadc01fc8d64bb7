"""The fetcher against hosts that lie, stall, redirect and rebind."""

from __future__ import annotations

import contextlib
import gzip
import io
import os
import ssl
import threading
import time
import tracemalloc
import zlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
import trustme
from hypothesis import given
from hypothesis import strategies as st

from tests.hostile_host import HostileHost, response
from vitrine.platform.fetcher import Fetcher, FetchError, FetchLimits, Validator, is_public, parse

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterator

    from vitrine.platform.fetcher import RemoteFile

QUICK = FetchLimits(seconds=0.5, connect_seconds=0.5, bytes=1_000_000, first_pause_seconds=0.01)


OPENED: list[Fetcher] = []


@pytest.fixture(autouse=True)
def _nothing_left_open() -> Iterator[None]:
    yield
    while OPENED:
        OPENED.pop().close()


def fetcher(**settings: Any) -> Fetcher:
    OPENED.append(Fetcher(**{"limits": QUICK, **settings}))
    return OPENED[-1]


def fetcher_for(*hosts: HostileHost, **settings: Any) -> Fetcher:
    return fetcher(allowed_hosts=frozenset(host.name for host in hosts), **settings)


def says(response: bytes) -> Callable[[socket.socket, str], object]:
    return lambda connection, _: connection.sendall(response)


def code_of(client: Fetcher, url: str) -> str:
    with pytest.raises(FetchError) as refused, client.open(url) as file:
        file.read()
    return refused.value.code


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "0.0.0.0", "169.254.169.254",
        "100.64.0.1", "100.100.100.200", "198.18.0.1", "224.0.0.1", "239.1.2.3", "240.0.0.1",
        "255.255.255.255", "192.0.0.170", "192.0.2.1", "192.88.99.1", "168.63.129.16",
        "::", "::1", "::ffff:127.0.0.1", "::ffff:8.8.8.8", "::127.0.0.1", "fe80::1", "fe80::1%eth0",
        "fc00::1", "fd00:ec2::254", "ff02::1", "64:ff9b::7f00:1", "64:ff9b:1::1", "100::1",
        "2001::7f00:1", "2001:db8::1", "2002:7f00:1::", "3fff::1", "5f00::1", "4000::1", "fec0::1",
    ],
)  # fmt: skip
def test_addresses_that_are_not_on_the_public_internet_are_denied(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "1.1.1.1", "93.184.216.34", "2606:4700::1111", "2a00:1450::1"])
def test_public_addresses_are_allowed(address: str) -> None:
    assert is_public(address)


@given(st.ip_addresses(v=4))
def test_nothing_the_standard_library_holds_private_is_public(address: Any) -> None:
    assert address.is_global or not is_public(str(address))


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("ftp://pictures.example/a.jpg", "scheme_not_allowed"),
        ("file:///etc/passwd", "scheme_not_allowed"),
        ("//pictures.example/a.jpg", "scheme_not_allowed"),
        ("", "scheme_not_allowed"),
        ("http://", "url_invalid"),
        ("http://.", "url_invalid"),
        ("http://a:99999/", "url_invalid"),
        ("http://a b/", "url_invalid"),
        ("http://a\\@b/", "url_invalid"),
        ("http://a/\r\nHost: b", "url_invalid"),
        ("http://[::g]/", "url_invalid"),
        ("http://\u2488.0/", "url_invalid"),
        (f"http://{'a.' * 127}/", "url_invalid"),
        ("http://name:word@pictures.example/", "credentials_in_url"),
        ("http://pictures.example:22/", "port_not_allowed"),
        ("http://pictures.example:6379/", "port_not_allowed"),
    ],
)
def test_a_url_that_is_not_fetched_says_why(url: str, code: str) -> None:
    assert code_of(fetcher(), url) == code


@pytest.mark.parametrize(
    "host",
    ["localhost", "127.1", "0x7f.1", "0x7f000001", "2130706433", "017700000001", "0", "①②⑦.⓪.⓪.①",
     "127。0。0。1", "[::1]", "[::ffff:7f00:1]", "[64:ff9b::127.0.0.1]", "[2002:7f00:1::]"],
)  # fmt: skip
def test_this_machine_is_not_reached_however_it_is_written(host: str) -> None:
    assert code_of(fetcher(), f"http://{host}/") == "address_not_allowed"


def test_a_name_with_one_private_address_among_public_ones_is_refused() -> None:
    client = fetcher(resolve=lambda *_: ["93.184.216.34", "10.0.0.1"])
    assert code_of(client, "http://pictures.example/") == "address_not_allowed"


def test_a_name_is_resolved_once_and_the_connection_goes_to_the_checked_address() -> None:
    responses = iter([["127.0.0.1"], ["127.0.0.2"]])
    with HostileHost(says(response(body=b"picture"))) as host:
        name = f"rebinding.example:{host.port}"
        client = fetcher(allowed_hosts=frozenset({name}), resolve=lambda *_: next(responses))
        with client.open(f"http://{name}/") as file:
            assert file.read() == b"picture"
        assert f"Host: {name}" in host.requests[0]
    assert next(responses) == ["127.0.0.2"]


def test_a_redirect_to_a_name_that_resolves_to_this_machine_is_refused() -> None:
    with HostileHost(says(response("302 Found", Location="http://rebinding.example/"))) as host:
        client = fetcher_for(host, resolve=lambda *_: ["127.0.0.1"])
        assert code_of(client, host.url()) == "address_not_allowed"
        assert len(host.requests) == 1


def test_a_name_that_does_not_resolve_says_so() -> None:
    assert code_of(fetcher(), "http://nowhere.invalid/") == "host_not_found"


def test_a_resolver_that_hangs_is_not_waited_for() -> None:
    def hang(*_: object) -> list[str]:
        time.sleep(2)
        return []

    started = time.monotonic()
    assert code_of(fetcher(resolve=hang), "http://slow.example/") == "timed_out"
    assert time.monotonic() - started < 1.5


def test_a_redirect_to_this_machine_is_refused() -> None:
    with (
        HostileHost(says(response(body=b"secret"))) as inside,
        HostileHost(says(response("302 Found", Location=inside.url()))) as outside,
    ):
        assert code_of(fetcher_for(outside), outside.url()) == "port_not_allowed"
        assert inside.requests == []


@pytest.mark.parametrize(
    ("location", "code"),
    [
        ("http://127.0.0.1/", "address_not_allowed"),
        ("http://[::1]/", "address_not_allowed"),
        ("file:///etc/passwd", "scheme_not_allowed"),
        ("http://u:p@127.0.0.1/", "credentials_in_url"),
        ("/picture", "too_many_redirects"),
        ("", "too_many_redirects"),
    ],
)
def test_each_redirect_is_checked_anew(location: str, code: str) -> None:
    with HostileHost(says(response("301 Moved", Location=location))) as host:
        assert code_of(fetcher_for(host), host.url()) == code


def test_a_host_that_is_allowed_at_any_port_is_so_only_where_it_was_asked_for() -> None:
    with HostileHost(says(response(body=b"picture"))) as inside:
        with HostileHost(says(response("302 Found", Location=inside.url()))) as outside:
            client = fetcher(allowed_hosts=frozenset({"127.0.0.1"}))
            assert client.open(inside.url()).read(7) == b"picture"
            assert code_of(client, outside.url()) == "port_not_allowed"
        assert len(inside.requests) == 1


@given(st.text(max_size=60) | st.from_regex(r"https?://[^/]{0,20}(/.{0,20})?", fullmatch=True))
def test_whatever_a_client_sends_as_a_url_is_parsed_or_refused(url: str) -> None:
    with contextlib.suppress(FetchError):
        target = parse(url)
        assert (target.authority + target.path).isascii()


@pytest.mark.parametrize(
    "location", ["http://[::g/", "//[", "http://\udcff/", "http://exa mple/", "%", "http://[v1.x]/"]
)
def test_a_redirect_that_cannot_be_read_is_refused(location: str) -> None:
    header = response("302 Found").replace(
        b"\r\n\r\n", b"\r\nLocation: " + location.encode("utf-8", "surrogateescape") + b"\r\n\r\n"
    )
    with HostileHost(says(header)) as host:
        assert code_of(fetcher_for(host), host.url()) in {"url_invalid", "host_not_found", "too_many_redirects"}


@pytest.mark.parametrize("etag", [b'"caf\xe9"', b'"' + b"x" * 1000 + b'"', b""])
def test_a_validator_that_cannot_be_sent_back_is_not_kept(etag: bytes) -> None:
    sent = response(body=b"picture").replace(b"\r\n\r\n", b"\r\nETag: " + etag + b"\r\n\r\n")
    with HostileHost(says(sent)) as host, fetcher_for(host).open(host.url()) as file:
        assert not file.validator


def test_three_redirects_are_followed_and_a_fourth_is_not() -> None:
    def count_down(connection: socket.socket, request: str) -> None:
        left = int(request.split("/")[1].split(maxsplit=1)[0])
        if left:
            connection.sendall(response("302 Found", Location=f"/{left - 1}"))
        else:
            connection.sendall(response(body=b"picture"))

    with HostileHost(count_down) as host:
        client = fetcher_for(host)
        assert client.open(host.url("/3")).read(7) == b"picture"
        assert code_of(client, host.url("/4")) == "too_many_redirects"


@pytest.mark.parametrize(
    ("at_once", "dripping"),
    [(b"", response(body=b"picture") * 100), (response(Content_Length="1000"), b"x" * 1000)],
    ids=["header", "body"],
)
def test_a_host_that_drips_is_left_at_the_deadline(at_once: bytes, dripping: bytes) -> None:
    def drip(connection: socket.socket, _request: str) -> None:
        connection.sendall(at_once)
        for byte in dripping:
            connection.sendall(bytes([byte]))
            time.sleep(0.02)

    with HostileHost(drip) as host:
        started = time.monotonic()
        assert code_of(fetcher_for(host), host.url()) == "timed_out"
        assert time.monotonic() - started < 1.5


def test_a_host_that_sends_less_than_it_announced_is_found_out() -> None:
    def cut(connection: socket.socket, _: str) -> None:
        connection.sendall(response(body=b"short", Content_Length="5000"))
        connection.close()

    with HostileHost(cut) as host:
        assert code_of(fetcher_for(host), host.url()) == "connection_broken"


def test_a_host_that_announces_a_huge_file_costs_only_what_is_read() -> None:
    head = response(body=b"GIF89a", Content_Length=str(10**15))
    with HostileHost(says(head)) as host, fetcher_for(host).open(host.url()) as file:
        assert file.read(6) == b"GIF89a"
        assert file.bytes_fetched < 100


def test_an_endless_body_is_cut_at_the_byte_limit() -> None:
    def flood(connection: socket.socket, _request: str) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        for _ in range(4000):
            connection.sendall(b"x" * 65536)

    with HostileHost(flood) as host:
        assert code_of(fetcher_for(host, limits=FetchLimits(seconds=5, bytes=300_000)), host.url()) == "too_many_bytes"


def test_a_bomb_is_not_unpacked() -> None:
    bomb = gzip.compress(b"\0" * 50_000_000)
    with HostileHost(says(response(body=bomb, Content_Encoding="gzip"))) as host:
        assert (
            code_of(fetcher_for(host, limits=FetchLimits(seconds=5, bytes=1_000_000)), host.url())
            == "decompression_bomb"
        )


def test_a_compressed_file_is_unpacked() -> None:
    def compressed(connection: socket.socket, request: str) -> None:
        body = gzip.compress(b"<svg/>" * 100)
        if "Range:" in request:
            span = f"bytes 0-{len(body) - 1}/{len(body)}"
            connection.sendall(response("206 Partial Content", body, Content_Encoding="gzip", Content_Range=span))
        else:
            connection.sendall(response(body=body, Content_Encoding="gzip"))

    with HostileHost(compressed) as host, fetcher_for(host).open(host.url()) as file:
        assert file.read() == b"<svg/>" * 100


@pytest.mark.parametrize(
    ("response", "code"),
    [
        (response("404 Not Found"), "http_status"),
        (response("500 Oops"), "http_status"),
        (response("204 No Content", Content_Length=""), "http_status"),
        (response(Content_Encoding="br"), "encoding_not_supported"),
        (b"SSH-2.0-OpenSSH_9.6\r\n\r\n", "bad_response"),
        (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 20_000 + b"\r\n", "bad_response"),
        (response(Content_Length="-5"), "bad_response"),
        (response(Content_Encoding="gzip", body=b"not gzip"), "bad_response"),
        (response("206 Partial Content", b"abc", Content_Range="bytes 7-9/10"), "bad_response"),
        (response("206 Partial Content", b"abc", Content_Range="nonsense"), "bad_response"),
        (response("206 Partial Content", b"abc", Content_Range=f"bytes 0-2/{'1' * 5000}"), "bad_response"),
        (response("206 Partial Content", b"abc", Content_Range=f"bytes {'0' * 5000}-2/3"), "bad_response"),
        (response("206 Partial Content", b"abc", Content_Range=f"bytes 0-{'2' * 5000}/3"), "bad_response"),
        (response("200 OK", Content_Length="1" * 5000), "bad_response"),
        (response("200 OK", Content_Length="1" * 19), "bad_response"),
        (response("200 OK", Transfer_Encoding="chunked", Content_Length="") + b"1" * 5000 + b"\r\n", "bad_response"),
        (b"HTTP/1.1 " + b"2" * 5000 + b" OK\r\n\r\n", "bad_response"),
        (response("503 Busy", Retry_After="9" * 5000), "http_status"),
        (response("503 Busy", Retry_After="Thu, 99 Foo " + "9" * 5000), "http_status"),
        (response("206 Partial Content", b"", Content_Range="bytes 0-9/10"), "connection_broken"),
    ],
)
def test_an_response_that_is_no_file_says_what_it_is(response: bytes, code: str) -> None:
    with HostileHost(says(response)) as host:
        assert code_of(fetcher_for(host), host.url()) == code


def test_a_closed_port_is_named() -> None:
    with HostileHost(says(b"")) as host:
        pass
    assert code_of(fetcher_for(host), host.url()) == "connect_failed"


def test_an_empty_file_is_empty_and_not_an_error() -> None:
    sent = response("416 Range Not Satisfiable", Content_Range="bytes */0")
    with HostileHost(says(sent)) as host, fetcher_for(host).open(host.url()) as file:
        assert file.read() == b""


def test_a_file_that_changes_between_two_reads_is_noticed() -> None:
    versions = iter("ab")

    def serve(connection: socket.socket, request: str) -> None:
        start = int(request.split("bytes=")[1].split("-", maxsplit=1)[0])
        span = f"bytes {start}-{start + 16383}/100000"
        connection.sendall(response("206 Partial Content", b"x" * 16384, Content_Range=span, ETag=next(versions)))

    with HostileHost(serve) as host:
        assert code_of(fetcher_for(host), host.url()) == "changed_midway"


def ranged(content: bytes) -> Callable[[socket.socket, str], object]:
    def serve(connection: socket.socket, request: str) -> None:
        first, last = request.split("bytes=")[1].split("\r\n", maxsplit=1)[0].split("-")
        part = content[int(first) : int(last) + 1]
        span = f"bytes {first}-{int(first) + len(part) - 1}/{len(content)}"
        connection.sendall(response("206 Partial Content", part, Content_Range=span))

    return serve


def streamed(content: bytes) -> Callable[[socket.socket, str], object]:
    return says(response(body=content))


def chunked(content: bytes) -> Callable[[socket.socket, str], object]:
    chunks = b"".join(
        b"%x\r\n%b\r\n" % (len(part), part) for part in (content[at : at + 7000] for at in range(0, len(content), 7000))
    )
    return says(response(Transfer_Encoding="chunked", Content_Length="") + chunks + b"0\r\n\r\n")


@pytest.mark.parametrize("served", [ranged, streamed, chunked])
@pytest.mark.parametrize("size", [10, 4096, 16_384, 16_385, 100_001])
def test_a_remote_file_reads_like_a_local_one(
    served: Callable[[bytes], Callable[[socket.socket, str], object]], size: int
) -> None:
    content = os.urandom(size)
    local = io.BytesIO(content)
    with HostileHost(served(content)) as host, fetcher_for(host).open(host.url()) as remote:
        for offset, whence, count in [
            (0, 0, 10), (0, 1, 20_000), (70_000, 0, 5), (-10, 2, 100), (3, 0, 5000), (4095, 0, 2),
            (10**7, 0, 3), (0, 0, 0), (0, 2, 1), (0, 0, -1), (99_000, 0, 4000),
        ]:  # fmt: skip
            assert remote.seek(offset, whence) == local.seek(offset, whence)
            assert remote.read(count) == local.read(count)
            assert remote.tell() == local.tell()


def test_reading_the_end_of_a_large_file_skips_its_middle() -> None:
    content = os.urandom(900_000)
    with HostileHost(ranged(content)) as host, fetcher_for(host).open(host.url()) as file:
        file.seek(-100, io.SEEK_END)
        assert file.read() == content[-100:]
        assert file.bytes_fetched < 60_000


def test_connections_are_used_again() -> None:
    peers = set()

    def serve(connection: socket.socket, _: str) -> None:
        peers.add(connection.getpeername())
        connection.sendall(response(body=b"picture"))

    with HostileHost(serve) as host:
        client = fetcher_for(host)
        for _ in range(5):
            with client.open(host.url()) as file:
                assert file.read() == b"picture"
    assert len(peers) == 1


def test_a_kept_connection_that_the_host_closed_is_replaced() -> None:
    def serve_once(connection: socket.socket, _: str) -> None:
        connection.sendall(response(body=b"picture"))
        connection.close()

    with HostileHost(serve_once) as host:
        client = fetcher_for(host)
        for _ in range(3):
            with client.open(host.url()) as file:
                assert file.read() == b"picture"


def test_bytes_sent_ahead_are_not_taken_for_the_next_response() -> None:
    smuggled = response(body=b"picture") + response(body=b"smuggled")
    with HostileHost(says(smuggled)) as host:
        client = fetcher_for(host)
        for _ in range(3):
            with client.open(host.url()) as file:
                assert file.read() == b"picture"


def test_a_version_that_the_host_still_has_is_not_sent_again() -> None:
    def serve(connection: socket.socket, request: str) -> None:
        if 'If-None-Match: "v1"' in request:
            connection.sendall(response("304 Not Modified", ETag='"v1"'))
        else:
            connection.sendall(response(body=b"picture", ETag='"v1"'))

    with HostileHost(serve) as host:
        client = fetcher_for(host)
        with client.open(host.url()) as first:
            assert first.validator == Validator(etag='"v1"')
        with client.open(host.url(), unless=first.validator) as again:
            assert again.unchanged
            assert again.bytes_fetched == 0


def tls_host(authority: trustme.CA, name: str, seen: list[str | None]) -> HostileHost:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)
    context.sni_callback = lambda _, server_name, __: seen.append(server_name)
    return HostileHost(says(response(body=b"picture")), tls=context)


def trusting(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


def test_the_pinned_connection_names_the_host_and_checks_its_certificate() -> None:
    authority, seen = trustme.CA(), list[str | None]()
    with tls_host(authority, "pictures.example", seen) as host:
        name = f"pictures.example:{host.port}"
        client = fetcher(
            allowed_hosts=frozenset({name}),
            resolve=lambda *_: ["127.0.0.1"],
            trust=trusting(authority),
        )
        with client.open(f"https://{name}/") as file:
            assert file.read() == b"picture"
    assert seen == ["pictures.example"]


@pytest.mark.parametrize("certified", ["other.example", None])
def test_a_certificate_of_another_name_or_authority_is_refused(certified: str | None) -> None:
    authority = trustme.CA()
    with tls_host(authority, certified or "pictures.example", []) as host:
        name = f"pictures.example:{host.port}"
        client = fetcher(
            allowed_hosts=frozenset({name}),
            resolve=lambda *_: ["127.0.0.1"],
            trust=trusting(authority if certified else trustme.CA()),
        )
        assert code_of(client, f"https://{name}/") == "tls_failed"


def in_turn(*responses: bytes | None) -> Callable[[socket.socket, str], object]:
    """Sends the responses one after the other; None breaks the connection."""
    left = iter(responses)

    def serve(connection: socket.socket, _: str) -> None:
        response = next(left)
        connection.sendall(response or b"")
        if response is None or b"Connection: close" in response:
            connection.close()

    return serve


def read(file: RemoteFile) -> bytes:
    return file.read()


PICTURE = response(body=b"picture")


@pytest.mark.parametrize(
    "failure",
    [
        response("429 Too Many Requests"),
        response("503 Service Unavailable"),
        response("503 Service Unavailable", Retry_After="0"),
        response("503 Service Unavailable", Retry_After="Thu, 01 Jan 1970 00:00:00 GMT"),
        response("503 Service Unavailable", Retry_After="soon"),
        response(body=b"pic", Content_Length="7", Connection="close"),
        b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\npic",
        b"",
        None,
    ],
    ids=["429", "503", "503 at once", "503 long ago", "503 soon", "cut", "stalled within", "stalled", "reset"],
)
def test_a_host_that_is_busy_or_breaks_off_is_asked_again(failure: bytes | None) -> None:
    with HostileHost(in_turn(failure, failure, PICTURE)) as host:
        assert fetcher_for(host).fetch(host.url(), read) == b"picture"
        assert len(host.requests) == 3


def test_what_breaks_while_a_file_is_read_is_read_again_from_its_beginning() -> None:
    seen: list[bytes] = []

    def act(file: RemoteFile) -> bytes:
        seen.append(file.read(1))
        return file.read()

    with HostileHost(in_turn(response(body=b"pic", Content_Length="7", Connection="close"), PICTURE)) as host:
        assert fetcher_for(host).fetch(host.url(), act) == b"icture"
    assert seen == [b"p", b"p"]


@pytest.mark.parametrize(
    ("failure", "code"),
    [
        (response("404 Not Found"), "http_status"),
        (response("500 Oops"), "http_status"),
        (response("206 Partial Content", b"abc", Content_Range="nonsense"), "bad_response"),
        (response("302 Found", Location="http://10.0.0.1/"), "address_not_allowed"),
    ],
)
def test_what_will_not_be_otherwise_is_not_asked_again(failure: bytes, code: str) -> None:
    with HostileHost(says(failure)) as host:
        with pytest.raises(FetchError) as refused:
            fetcher_for(host).fetch(host.url(), read)
        assert refused.value.code == code
        assert len(host.requests) == 1


def test_a_host_that_stays_busy_is_given_up_after_growing_pauses() -> None:
    asked: list[float] = []

    def refuse(connection: socket.socket, _: str) -> None:
        asked.append(time.monotonic())
        connection.sendall(response("503 Service Unavailable"))

    with HostileHost(refuse) as host:
        limits = replace(QUICK, first_pause_seconds=0.1, tries=4)
        with pytest.raises(FetchError) as refused:
            fetcher_for(host, limits=limits).fetch(host.url(), read)
    assert refused.value.code == "http_status"
    first, *_, last = [after - before for before, after in pairwise(asked)]
    assert len(asked) == 4
    assert first >= 0.05
    assert last >= 0.2


def test_a_host_is_given_the_time_it_asks_for() -> None:
    with HostileHost(in_turn(response("429 Too Many Requests", Retry_After="1"), PICTURE)) as host:
        started = time.monotonic()
        assert fetcher_for(host).fetch(host.url(), read) == b"picture"
        assert time.monotonic() - started >= 1


@pytest.mark.parametrize("wait", ["3600", "Fri, 01 Jan 2100 00:00:00 GMT"])
def test_a_host_that_asks_for_more_time_than_there_is_is_not_waited_for(wait: str) -> None:
    with HostileHost(says(response("503 Busy", Retry_After=wait))) as host:
        started = time.monotonic()
        with pytest.raises(FetchError) as refused:
            fetcher_for(host).fetch(host.url(), read)
        assert refused.value.code == "http_status"
        assert time.monotonic() - started < 1
        assert len(host.requests) == 1


def test_nothing_is_asked_again_after_the_caller_s_time() -> None:
    with HostileHost(says(b"")) as host:
        started = time.monotonic()
        with pytest.raises(FetchError) as refused:
            fetcher_for(host).fetch(host.url(), read, until=started + 0.8)
        assert refused.value.code == "timed_out"
        assert time.monotonic() - started < 1.5


class Gate:
    """A host's script that counts how many requests it holds at a time."""

    def __init__(self) -> None:
        self.open = threading.Event()
        self.most = 0
        self._now = 0
        self._lock = threading.Lock()

    def __call__(self, connection: socket.socket, _: str) -> None:
        with self._lock:
            self._now += 1
            self.most = max(self.most, self._now)
        self.open.wait(10)
        with self._lock:
            self._now -= 1
        connection.sendall(PICTURE)


def test_a_host_is_asked_by_a_bounded_number_of_fetches_and_others_need_not_wait() -> None:
    gate = Gate()
    with HostileHost(gate) as busy, HostileHost(says(PICTURE)) as other, ThreadPoolExecutor(12) as threads:
        named = f"localhost:{other.port}"  # hosts are told apart by name
        limits = FetchLimits(per_host=3, in_flight=8)
        client = fetcher(allowed_hosts=frozenset({busy.name, named}), limits=limits)
        fetches = [threads.submit(client.fetch, busy.url(), read) for _ in range(12)]
        while gate.most < 3:
            time.sleep(0.01)
        assert client.fetch(f"http://{named}/", read) == b"picture"
        gate.open.set()
        assert [fetch.result() for fetch in fetches] == [b"picture"] * 12
    assert gate.most == 3


def test_all_hosts_together_are_asked_by_a_bounded_number_of_fetches() -> None:
    gate = Gate()
    with HostileHost(gate) as host, ThreadPoolExecutor(12) as threads:
        names = [f"{at}.example:{host.port}" for at in range(12)]
        client = fetcher(
            allowed_hosts=frozenset(names), limits=FetchLimits(in_flight=4), resolve=lambda *_: ["127.0.0.1"]
        )
        fetches = [threads.submit(client.fetch, f"http://{name}/", read) for name in names]
        while gate.most < 4:
            time.sleep(0.01)
        gate.open.set()
        assert [fetch.result() for fetch in fetches] == [b"picture"] * 12
    assert gate.most == 4


@pytest.mark.parametrize(
    "response",
    [
        response("404 Not Found"),
        response("206 Partial Content", b"abc", Content_Range="nonsense"),
        response("302 Found", Location="/again"),
        response("302 Found", Location="http://[::g/"),
        response("302 Found", Location="http://10.0.0.1/"),
        response(body=b"x" * 2_000_000),
        response(body=b"pic", Content_Length="7", Connection="close"),
        PICTURE,
    ],
)
def test_a_fetch_gives_its_place_back_however_it_ends(response: bytes) -> None:
    def serve(connection: socket.socket, request: str) -> None:
        connection.sendall(PICTURE if "/fine" in request else response)
        if b"Connection: close" in response:
            connection.close()

    with HostileHost(serve) as host:
        client = fetcher_for(host, limits=replace(QUICK, per_host=1, in_flight=1))
        for _ in range(2):
            with contextlib.suppress(FetchError):
                client.fetch(host.url(), read, until=time.monotonic() + 5)
        assert client.fetch(host.url("/fine"), read, until=time.monotonic() + 5) == b"picture"


def test_a_place_that_does_not_become_free_in_time_is_a_timeout() -> None:
    with HostileHost(says(PICTURE)) as host:
        client = fetcher_for(host, limits=replace(QUICK, per_host=1))
        with client.open(host.url()), pytest.raises(FetchError) as refused:
            client.open(host.url(), until=time.monotonic() + 0.2)
        assert refused.value.code == "timed_out"


@pytest.mark.parametrize(
    "response",
    [
        response(Transfer_Encoding="chunked", Content_Length="") + b"1\r\nx\r\n" * 400_000,
        b"HTTP/1.1 103 Early Hints\r\n\r\n" * 200_000,
    ],
    ids=["chunks of a byte", "interim answers"],
)
def test_an_response_in_countless_parts_is_refused_at_once(response: bytes) -> None:
    with HostileHost(says(response)) as host:
        started = time.thread_time()
        assert code_of(fetcher_for(host, limits=FetchLimits()), host.url()) == "too_much_work"
        assert time.thread_time() - started < 1


@pytest.mark.parametrize("step", [lambda file: file.read(1), lambda file: file.seek(0)], ids=["reads", "seeks"])
def test_countless_steps_are_refused(step: Callable[[RemoteFile], object]) -> None:
    with HostileHost(says(PICTURE)) as host:
        client = fetcher_for(host, limits=replace(QUICK, seconds=30, steps=1000))
        with client.open(host.url()) as file, pytest.raises(FetchError) as refused:
            any(step(file) == b"?" for _ in range(1000))
        assert refused.value.code == "too_much_work"


def test_one_budget_is_spent_by_all_tries() -> None:
    def act(file: RemoteFile) -> bytes:
        for _ in range(300):
            file.seek(0)
        raise FetchError("connection_broken", "again")

    with HostileHost(says(PICTURE)) as host:
        with pytest.raises(FetchError) as refused:
            fetcher_for(host, limits=replace(QUICK, steps=1000)).fetch(host.url(), act)
        assert refused.value.code == "too_much_work"


@pytest.mark.parametrize("size", [0, 1, 65_536, 65_537, 300_000])
def test_a_compressed_file_is_unpacked_piece_by_piece_and_whole(size: int) -> None:
    for content in (os.urandom(size), bytes(size)):
        for body in (gzip.compress(content), zlib.compress(content), gzip.compress(content) + bytes(200_000)):
            with HostileHost(says(response(body=body, Content_Encoding="gzip"))) as host:
                assert fetcher_for(host).fetch(host.url(), read) == content


@pytest.mark.parametrize(
    "body",
    [gzip.compress(b"GIF89a" + bytes(16_000_000)), gzip.compress(b"GIF89a") + bytes(15_000_000)],
    ids=["much in little", "much behind"],
)
def test_what_is_not_read_is_not_kept(body: bytes) -> None:
    with HostileHost(says(response(body=body, Content_Encoding="gzip"))) as host:
        tracemalloc.start()
        try:
            with fetcher_for(host, limits=FetchLimits()).open(host.url()) as file:
                assert file.read(6) == b"GIF89a"
                if len(body) > 1_000_000:
                    assert file.read() == b""
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert peak < 1_000_000


def test_a_file_may_take_half_of_the_second_in_which_it_is_measured_or_refused() -> None:
    """The other half is for what is done between the steps that ask for the time."""
    assert FetchLimits().processor_seconds <= 0.5


def test_a_url_without_a_path_asks_for_the_root() -> None:
    assert [parse(url).path for url in ("http://a.example", "http://a.example?a=1")] == ["/", "/?a=1"]
