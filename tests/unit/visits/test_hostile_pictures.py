"""What strangers send to keep a worker busy is measured or refused at once, and those beside it are measured."""

from __future__ import annotations

import gzip
import io
import random
import time
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import IO, TYPE_CHECKING, cast

import pytest

from tests.hostile_host import HostileHost, response
from tests.hostile_pictures import MAKERS, VALID, mutated
from vitrine.platform.budget import Budget
from vitrine.platform.fetcher import Fetcher, FetchError, FetchLimits
from vitrine.visits.model import ImageSize, UnmeasurableError
from vitrine.visits.pictures import PROCESSOR_SECONDS, STEPS, measure
from vitrine.visits.remote import RemotePictures

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator

SMALL = 64 * 1024
LARGE = 4 * 1024 * 1024
UNPACKED = FetchLimits().bytes
SEED = 20_230_309
REFUSALS = {"not_a_picture", "picture_broken", "too_many_pixels", "too_much_work", "decompression_bomb"}


class CountedFile(io.BytesIO):
    """Counts what is asked of it."""

    calls = 0

    def read(self, size: int | None = -1, /) -> bytes:
        self.calls += 1
        return super().read(size)

    def seek(self, offset: int, whence: int = 0, /) -> int:
        self.calls += 1
        return super().seek(offset, whence)


def outcome(content: bytes) -> tuple[str, int, float]:
    """How a file is judged, after how many calls and how much processor time."""
    file = CountedFile(content)
    started = time.thread_time()
    try:
        code = measure(file).format
    except UnmeasurableError as error:
        code = error.code
    return code, file.calls, time.thread_time() - started


@pytest.mark.parametrize("size", [SMALL // 8, SMALL, LARGE], ids=["8 KB", "64 KB", "4 MB"])
@pytest.mark.parametrize("kind", MAKERS)
def test_a_hostile_file_is_judged_within_its_budget(kind: str, size: int) -> None:
    code, calls, seconds = outcome(MAKERS[kind](size))
    assert code.isupper() or code in REFUSALS
    assert calls <= 2 * STEPS
    assert seconds < 1


@pytest.mark.parametrize(
    "kind", ["avif of associations", "avif of empty properties", "tiff of most entries", "ico of most entries"]
)
def test_what_was_read_at_once_is_not_walked_over_for_nothing(kind: str) -> None:
    code, calls, _ = outcome(MAKERS[kind](LARGE))
    assert code == "too_much_work"
    assert calls <= 2 * STEPS


@pytest.mark.parametrize("kind", VALID)
def test_mutants_of_a_format_are_judged_within_their_budget(kind: str) -> None:
    chance = random.Random(f"{SEED} {kind}")
    for _ in range(40):
        code, calls, seconds = outcome(mutated(VALID[kind], chance, SMALL))
        assert code.isupper() or code in REFUSALS
        assert calls <= 2 * STEPS
        assert seconds < 1


def test_the_family_has_each_format_that_is_read() -> None:
    formats = {measure(io.BytesIO(content)).format for content in VALID.values()}
    assert formats == {
        "JPEG", "PNG", "GIF", "WEBP", "AVIF", "HEIF", "JPEG2000", "TIFF", "BMP", "ICO", "ICNS", "DDS", "PSD",
        "PPM", "TGA", "SVG",
    }  # fmt: skip
    for kind in VALID:
        assert any(name.startswith(kind) for name in MAKERS)


@pytest.mark.parametrize("kind", VALID)
def test_each_format_is_measured_by_its_header_alone(kind: str) -> None:
    picture = measure(io.BytesIO(VALID[kind]), budget=Budget(60, PROCESSOR_SECONDS))
    assert (picture.width, picture.height) == ((128, 128) if kind == "icns" else (30, 20))


def test_a_compressed_profile_is_not_unpacked_whole() -> None:
    content = MAKERS["png of compressed profiles"](SMALL)
    tracemalloc.start()
    try:
        outcome(content)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 2_000_000


@pytest.mark.parametrize("budget", [Budget(2, PROCESSOR_SECONDS), Budget(STEPS, -1)], ids=["steps", "seconds"])
def test_a_small_budget_refuses_and_says_why(budget: Budget) -> None:
    with pytest.raises(UnmeasurableError) as refused:
        measure(io.BytesIO(VALID["jpeg"]), budget=budget)
    assert refused.value.code == "too_much_work"


def test_a_number_of_a_svg_has_at_most_20_characters() -> None:
    assert measure(io.BytesIO(b'<svg width="12.34567890123456789" height="2"/>')).width == 12
    with pytest.raises(UnmeasurableError):
        measure(io.BytesIO(b'<svg width="12.3456789012345678901" height="2"/>'))


@cache
def packed(path: str) -> bytes:
    kind = list(MAKERS)[int(path.removeprefix("/"))]
    return gzip.compress(MAKERS[kind](UNPACKED - 1), 1)


@pytest.fixture(scope="module")
def _packed() -> None:
    """Pack before the host is asked, so that no fetch waits for it."""
    for at in range(len(MAKERS)):
        packed(f"/{at}")


@pytest.fixture(scope="module")
def host() -> Iterator[HostileHost]:
    def serve(connection: socket.socket, request: str) -> None:
        path = request.split(" ")[1]
        if path.startswith("/fine"):
            connection.sendall(response(body=VALID[path.removeprefix("/fine/").replace("%20", " ")]))
        else:
            connection.sendall(response(body=packed(path), Content_Encoding="gzip"))

    with HostileHost(serve) as serving:
        yield serving


@pytest.fixture
def fetcher(host: HostileHost) -> Iterator[Fetcher]:
    client = Fetcher(allowed_hosts=frozenset({host.name}), limits=FetchLimits(seconds=30))
    yield client
    client.close()


@pytest.mark.slow
@pytest.mark.usefixtures("_packed")
@pytest.mark.parametrize("at", range(len(MAKERS)), ids=list(MAKERS))
def test_a_small_response_that_unpacks_to_the_limit_is_judged_in_under_a_second(
    at: int, host: HostileHost, fetcher: Fetcher
) -> None:
    started = time.thread_time()
    try:
        code = fetcher.fetch(
            host.url(f"/{at}"),
            lambda file: measure(cast("IO[bytes]", file), near_bytes=file.near_bytes, budget=file.budget),
        ).format
    except (FetchError, UnmeasurableError) as error:
        code = error.code
    assert code.isupper() or code in REFUSALS
    assert time.thread_time() - started < 1


@pytest.mark.slow
@pytest.mark.usefixtures("_packed")
def test_the_pictures_beside_hostile_ones_are_measured(host: HostileHost, fetcher: Fetcher) -> None:
    hostile = [host.url(f"/{at}") for at in range(len(MAKERS))]
    fine = [host.url(f"/fine/{kind}".replace(" ", "%20")) for kind in VALID]
    with ThreadPoolExecutor(len(hostile) + len(fine)) as threads:
        found = RemotePictures(fetcher, threads, 300, lambda: None)(dict.fromkeys([*hostile, *fine]))
    for url in fine:
        assert found[url].picture
    for url in hostile:
        failure = found[url].failure
        assert found[url].picture or (failure and failure.code in REFUSALS)


def test_pictures_that_wait_for_a_stalled_host_hold_up_no_others(host: HostileHost) -> None:
    def stall(_: socket.socket, __: str) -> None:
        time.sleep(2)

    with HostileHost(stall) as stalled, ThreadPoolExecutor(21) as threads:
        named = f"localhost:{stalled.port}"  # hosts are told apart by name
        client = Fetcher(allowed_hosts=frozenset({host.name, named}), limits=FetchLimits(per_host=2))
        slow = [f"http://{named}/{at}" for at in range(20)]
        fine = host.url("/fine/png")
        found = RemotePictures(client, threads, 1, lambda: None)(dict.fromkeys([*slow, fine]))
        client.close()
    assert found[fine].picture == ImageSize("PNG", 30, 20)
    assert {failure.code for url in slow if (failure := found[url].failure)} == {"timed_out"}
