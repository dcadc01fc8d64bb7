"""Files are read as rows; files that cannot be read are refused."""

from __future__ import annotations

import csv
import gzip
import io
import json
import random
import tracemalloc
from collections import deque
from contextlib import suppress
from dataclasses import replace
from itertools import chain, repeat
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vitrine.imports.model import Columns, FileForm, Format, ImportRefused, Rejection, Row, columns_of
from vitrine.imports.read_rows import LIMITS, Position, ReadLimits, read_rows, resume_rows

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

IMAGES = columns_of(["id", "name", "url", "created_at", "caption"], ["name", "url"], ["id", "image_id"], {})


def rows_of(
    data: bytes, form: Format = "csv", *, gzipped: bool = False, columns: Columns = IMAGES
) -> list[Row | Rejection]:
    return list(read_rows([data], FileForm(form, gzipped), columns))


def values_of(
    data: bytes, form: Format = "csv", *, gzipped: bool = False, columns: Columns = IMAGES
) -> list[dict[str, object]]:
    rows = rows_of(data, form, gzipped=gzipped, columns=columns)
    assert all(isinstance(row, Row) for row in rows), rows
    return [dict(row.values) for row in rows if isinstance(row, Row)]


def refusal_of(
    data: bytes | Iterable[bytes], form: Format = "csv", *, gzipped: bool = False, limits: ReadLimits = LIMITS
) -> ImportRefused:
    blocks = [data] if isinstance(data, bytes) else data
    with pytest.raises(ImportRefused) as refused:
        deque(read_rows(blocks, FileForm(form, gzipped), IMAGES, limits), maxlen=0)
    return refused.value


def packed(data: bytes) -> bytes:
    return gzip.compress(data, mtime=0)


ONE = {"id": "a", "name": "Lamp", "url": "https://x.test/a.jpg"}


@pytest.mark.parametrize(
    ("data", "form"),
    [
        (b"id,name,url\na,Lamp,https://x.test/a.jpg\n", "csv"),
        (b"id,name,url\r\na,Lamp,https://x.test/a.jpg", "csv"),
        (b"id,name,url\ra,Lamp,https://x.test/a.jpg\r", "csv"),
        (b'\xef\xbb\xbf"id", "name", "url"\n\n"a", "Lamp", " https://x.test/a.jpg "\n,,\n', "csv"),
        (b'{"id":"a","name":"Lamp","url":"https://x.test/a.jpg"}\n\n', "jsonl"),
        (b'\xef\xbb\xbf{"id":"a","name":"Lamp","caption":null,"url":"https://x.test/a.jpg"}', "jsonl"),
        (b'[{"id":"a","name":"Lamp","url":"https://x.test/a.jpg"}]', "json"),
        (b' \n [ {"id":"a","name":"Lamp","caption":"","url":"https://x.test/a.jpg"} ] \n', "json"),
    ],
)
def test_every_form_reads_as_the_same_row(data: bytes, form: Format) -> None:
    assert values_of(data, form) == [ONE]
    assert values_of(packed(data), form, gzipped=True) == [ONE]


def test_gzip_files_joined_end_to_end_are_one_file() -> None:
    joined = packed(b"name,url\nA,u1\n") + packed(b"B,u2\n")
    assert values_of(joined, gzipped=True) == [{"name": "A", "url": "u1"}, {"name": "B", "url": "u2"}]


@pytest.mark.parametrize(
    "heading", ["created_at", "createdAt", "Created At", "CREATED-AT", " created at ", "CreatedAt"]
)
def test_headings_match_in_any_style(heading: str) -> None:
    assert values_of(f"{heading},URL,Name\n2024-01-01,u,n\n".encode()) == [
        {"created_at": "2024-01-01", "url": "u", "name": "n"}
    ]


@pytest.mark.parametrize("heading", ["id", "image_id", "imageId", "Image ID"])
def test_a_rows_own_id_has_two_names(heading: str) -> None:
    assert values_of(f"{heading},name,url\na,n,u\n".encode())[0]["id"] == "a"


def test_the_merchants_mapping_outranks_the_usual_headings() -> None:
    mapped = columns_of(["id", "name", "url"], ["name", "url"], ["id"], {"title": "name", "Thumbnail URL": "url"})
    data = b"name,title,thumbnail_url,url\nignored,Lamp,u,ignored\n"
    assert values_of(data, columns=mapped) == [{"name": "Lamp", "url": "u"}]


def test_with_a_mapping_only_mapped_and_required_columns_and_the_id_are_read() -> None:
    mapped = columns_of(
        ["id", "name", "url", "caption", "tags"], ["name", "url"], ["id"], {"title": "name", "text": "caption"}
    )
    data = b"id,title,url,text,tags\na,Lamp,u,bright,internal\n"
    assert values_of(data, columns=mapped) == [{"id": "a", "name": "Lamp", "url": "u", "caption": "bright"}]


def test_a_quoted_value_holds_commas_quotes_and_line_ends() -> None:
    data = b'name,url,caption\n"Lamp, ""big""",u,"one\r\ntwo"\nB,u2,\n'
    assert values_of(data) == [{"name": 'Lamp, "big"', "url": "u", "caption": "one\ntwo"}, {"name": "B", "url": "u2"}]


def test_unicode_line_separators_do_not_end_a_row() -> None:
    assert values_of("name,url\na\u2028b\u0085c,u\n".encode()) == [{"name": "a\u2028b\u0085c", "url": "u"}]


def test_bad_rows_are_rejected_alone() -> None:
    data = b'name,url\nA,u1\n"B"x,u2\nC,u3,surplus\nD,u4,\nE\n'
    assert [(row.number, None) if isinstance(row, Row) else (row.row, row.code) for row in rows_of(data)] == [
        (1, None),
        (2, "malformed_row"),
        (3, "too_many_values"),
        (4, None),
        (5, None),
    ]


def test_bad_json_lines_are_rejected_alone() -> None:
    lines = [b'{"name":"A"}', b"{", b"[1]", b'{"imageId":1,"id":2}', b"[" * 200_000, b'{"id": ' + b"1" * 9999 + b"}"]
    rows = rows_of(b"\n".join(lines), "jsonl")
    assert [row.code if isinstance(row, Rejection) else None for row in rows] == [
        None,
        "malformed_row",
        "not_an_object",
        "duplicate_heading",
        "malformed_row",
        None,
    ]


def test_an_empty_list_or_headings_without_rows_give_no_rows() -> None:
    assert rows_of(b"name,url\n") == []
    assert rows_of(b" [ ] ", "json") == []


SMALL = ReadLimits(unpacked_bytes=400_000, unpacked_ratio=200, ratio_from_bytes=100_000, row_characters=1000, columns=5)


@pytest.mark.parametrize(
    ("data", "form", "code"),
    [
        (b"", "csv", "empty_file"),
        (b" \n\n", "jsonl", "empty_file"),
        (b"\xef\xbb\xbf", "json", "empty_file"),
        (b"name,url,created_at,createdAt\n", "csv", "duplicate_heading"),
        (b"name,price\n", "csv", "missing_column"),
        (b"a,b,c,d,e,f\n", "csv", "too_many_columns"),
        (b'name,"url"x\n', "csv", "malformed_headings"),
        (b'name,url\n"A,u\nB,u\n', "csv", "open_quote"),
        (b'name,url\n"A,u\n' + b"B,u\n" * 1000, "csv", "row_too_long"),
        (b"name,url\n" + b"x" * 1001, "csv", "row_too_long"),
        (b"x" * 1001, "jsonl", "row_too_long"),
        (b'["' + b"x" * 1001, "json", "row_too_long"),
        (b'["' + b"x" * 1001 + b'"]', "json", "row_too_long"),
        (b"[1" + b" " * 2000 + b"]", "json", "row_too_long"),
        (b"name,url\nA\0,u\n", "csv", "nul_bytes"),
        (b'{"name":"\0"}', "jsonl", "nul_bytes"),
        (b'[{"name":"\0"}]', "json", "nul_bytes"),
        ("name,url\nCafé,u\n".encode("latin-1"), "csv", "not_utf8"),
        ("name,url\nCafé,u\n".encode("utf-16"), "csv", "not_utf8"),
        ('[{"name":"Café"}]'.encode("latin-1"), "json", "not_utf8"),
        (b'[{"name":"caf\xc3', "json", "not_utf8"),
        (packed(b"name,url\n"), "csv", "not_utf8"),
        (b'{"name":"A"}', "json", "not_an_array"),
        (b'[{"name":"A"}', "json", "malformed_json"),
        (b'[{"name":"A"},', "json", "malformed_json"),
        (b'[{"name":"A"},]', "json", "malformed_json"),
        (b'[{"name":"A"} {"name":"B"}]', "json", "malformed_json"),
        (b'[{"name":"A"}] x', "json", "malformed_json"),
        (b"[", "json", "malformed_json"),
        (b"[" * 900, "json", "malformed_json"),
    ],
)
def test_an_unreadable_file_is_refused_with_a_code(data: bytes, form: Format, code: str) -> None:
    assert refusal_of(data, form, limits=SMALL).code == code
    assert refusal_of((data[at : at + 1] for at in range(len(data))), form, limits=SMALL).code == code


def test_deep_nesting_is_refused_and_breaks_nothing() -> None:
    assert refusal_of(b"[" * 1_000_000, "json").code == "malformed_json"


def test_a_refusal_names_the_row_it_follows() -> None:
    assert refusal_of(b"name,url\nA,u\nB,u\n\xff").detail.startswith("After row 2: Byte 0xFF")


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"name,url\nA,u\n", "corrupt_gzip"),
        (packed(b"name,url\nA,u\n")[:-9], "corrupt_gzip"),
        (packed(b"name,url\nA,u\n") + b"rest", "corrupt_gzip"),
        (packed(b"name,url\n" + b"A,u\n" * 70_000), "gzip_bomb"),
        (
            packed(b"name,url\n") + packed(random.Random(1).randbytes(450).hex().encode() + b"\n") * 600,
            "gzip_bomb",
        ),
        (b"", "empty_file"),
    ],
)
def test_damaged_and_hostile_gzip_is_refused_with_a_code(data: bytes, code: str) -> None:
    assert refusal_of(data, gzipped=True, limits=SMALL).code == code


@pytest.mark.parametrize(
    ("blocks", "form", "gzipped", "code"),
    [
        (repeat(b"x" * 65536, 16384), "csv", False, "row_too_long"),
        (chain([b'name,url\n"'], repeat(b"x" * 65535 + b"\n", 16384)), "csv", False, "row_too_long"),
        (chain([b'[{"name":"'], repeat(b"x" * 65536, 16384)), "json", False, "row_too_long"),
        (repeat(packed(b"name,url\n" + (b"A," + b"u" * 65000 + b"\n") * 400), 40), "csv", True, "gzip_bomb"),
    ],
)
def test_a_gigabyte_of_hostility_takes_a_few_megabytes(
    blocks: Iterator[bytes], form: Format, gzipped: bool, code: str
) -> None:
    tracemalloc.start()
    try:
        assert refusal_of(blocks, form, gzipped=gzipped).code == code
        assert tracemalloc.get_traced_memory()[1] < 48 << 20
    finally:
        tracemalloc.stop()


texts = st.text(st.characters(codec="utf-8", exclude_characters="\0\r"), max_size=12)
tables = st.lists(st.tuples(texts, texts), max_size=8)


def outcome(blocks: list[bytes], form: Format, *, gzipped: bool) -> tuple[list[Row | Rejection], str]:
    rows: list[Row | Rejection] = []
    limits = ReadLimits(row_characters=60)
    try:
        for row in read_rows(blocks, FileForm(form, gzipped), IMAGES, limits):
            rows.append(row)  # noqa: PERF402 - keeps what came before a refusal
    except ImportRefused as error:
        return rows, error.code
    return rows, ""


def split(data: bytes, cuts: list[int]) -> list[bytes]:
    ends = sorted({min(cut, len(data)) for cut in cuts} | {len(data)})
    return [data[start:end] for start, end in zip([0, *ends], ends, strict=False)]


def as_csv(table: list[tuple[str, str]]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows([("name", "url"), *table])
    return text.getvalue().encode()


def as_json(table: list[tuple[str, str]]) -> bytes:
    return json.dumps([{"name": name, "url": url} for name, url in table], ensure_ascii=False).encode()


def as_jsonl(table: list[tuple[str, str]]) -> bytes:
    return b"".join(json.dumps({"name": name, "url": url}).encode() + b"\n" for name, url in table)


files = st.one_of(
    st.tuples(tables.map(as_csv), st.just("csv")),
    st.tuples(tables.map(as_jsonl), st.just("jsonl")),
    st.tuples(tables.map(as_json), st.just("json")),
    st.tuples(st.binary(max_size=80).map(b"name,url\n".__add__), st.just("csv")),
    st.tuples(st.binary(max_size=80).map(b'["a",'.__add__), st.just("json")),
    st.tuples(
        st.text('"{}[],:\\u0a \r\n1e\x00é', max_size=90).map(str.encode), st.sampled_from(["csv", "jsonl", "json"])
    ),
)


@given(files, st.lists(st.integers(0, 400), max_size=12), st.booleans())
def test_any_split_into_blocks_gives_the_same_rows_and_the_same_refusal(
    file: tuple[bytes, Format], cuts: list[int], gzipped: bool
) -> None:
    data, form = file
    sent = packed(data) if gzipped else data
    whole = outcome([sent], form, gzipped=gzipped)
    assert outcome(split(sent, cuts), form, gzipped=gzipped) == whole
    assert outcome([sent[at : at + 1] for at in range(len(sent))], form, gzipped=gzipped) == whole


def stops(data: bytes, form: FileForm) -> list[tuple[Row | Rejection, Position]]:
    """The rows of a file, and behind each the position where reading stands."""
    position = Position()
    limits = ReadLimits(row_characters=60)
    stops: list[tuple[Row | Rejection, Position]] = []
    with suppress(ImportRefused):
        for row in resume_rows(lambda _: [data], form, IMAGES, position, limits):
            stops.append((row, replace(position)))  # noqa: PERF401 - keeps the rows before a refusal
    return stops


@given(files, st.booleans(), st.integers(1, 5), st.booleans())
def test_reading_resumes_after_any_row(file: tuple[bytes, Format], gzipped: bool, block: int, mark: bool) -> None:
    data, form = (b"\xef\xbb\xbf" + file[0] if mark else file[0]), FileForm(file[1], gzipped)
    sent = packed(data) if gzipped else data

    def read(start: int) -> list[bytes]:
        return [sent[at : at + block] for at in range(start, len(sent), block)]

    whole, refusal = outcome([sent], form.format, gzipped=gzipped)
    for done, (_, position) in enumerate(stops(sent, form), start=1):
        rest: list[Row | Rejection] = []
        refused = ""
        try:
            rest.extend(resume_rows(read, form, IMAGES, replace(position), ReadLimits(row_characters=60)))
        except ImportRefused as error:
            refused = error.code
        assert (position.row, rest, refused) == (done, whole[done:], refusal)


@pytest.mark.parametrize("form", ["csv", "jsonl", "json"])
def test_a_plain_file_is_not_read_again_before_the_position(form: Format) -> None:
    data = {"csv": as_csv, "jsonl": as_jsonl, "json": as_json}[form]([(f"n{n}", f"u{n}") for n in range(50)])
    _, position = stops(data, FileForm(form, gzipped=False))[39]
    begun: list[int] = []

    def read(start: int) -> list[bytes]:
        begun.append(start)
        return [data[at : at + 16] for at in range(start, len(data), 16)]

    assert len(list(resume_rows(read, FileForm(form, gzipped=False), IMAGES, position))) == 10
    headings = [0] if form == "csv" else []
    assert sorted(begun) == sorted([*headings, place_of_row_40(data, form)])


def place_of_row_40(data: bytes, form: Format) -> int:
    """Where the 40th row ends: behind its line, or before the comma."""
    start = data.index(b"n40")
    return data.rindex(b",", 0, start) if form == "json" else data.rindex(b"\n", 0, start) + 1


@given(tables)
def test_what_a_csv_writer_wrote_is_read_back(table: list[tuple[str, str]]) -> None:
    written = [{"name": name.strip(), "url": url.strip()} for name, url in table if (name + url).strip(" ")]
    assert values_of(as_csv(table)) == [{key: value for key, value in row.items() if value} for row in written]


@given(tables)
def test_what_json_writers_wrote_is_read_back(table: list[tuple[str, str]]) -> None:
    written = [{key: value for key, value in [("name", name), ("url", url)] if value} for name, url in table]
    if table:
        assert values_of(as_jsonl(table), "jsonl") == written
    assert values_of(as_json(table), "json") == written
