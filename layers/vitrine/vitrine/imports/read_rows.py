"""Reads an uploaded file as rows, in bounded memory however large or hostile it is."""

from __future__ import annotations

import codecs
import csv
import json
import re
import zlib
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple, NoReturn

from vitrine.imports.model import ImportRefused, Rejection, Row
from vitrine.platform.json_text import DECODER, DEEPEST, TOO_DEEP, read_json

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from vitrine.imports.model import Columns, FileForm

KIB, MIB, GIB = 1 << 10, 1 << 20, 1 << 30
PIECE_BYTES = 64 * KIB


@dataclass(frozen=True, slots=True)
class Limits:
    """What a file may ask of us. Under `ratio_from_bytes` no ratio is suspicious."""

    unpacked_bytes: int = 10 * GIB
    unpacked_ratio: int = 200
    ratio_from_bytes: int = 16 * MIB
    row_characters: int = MIB
    columns: int = 200


LIMITS = Limits()
csv.field_size_limit(LIMITS.row_characters)


def read_rows(
    blocks: Iterable[bytes],
    form: FileForm,
    columns: Columns,
    limits: Limits = LIMITS,
) -> Iterator[Row | Rejection]:
    """The file's rows in order, numbered from 1.

    The same bytes give the same rows however they are split into blocks.
    Raises ImportRefused, after the rows before the fault, when the rest cannot be read.
    """
    read = {"csv": _csv_rows, "jsonl": _jsonl_rows, "json": _json_rows}[form.format]
    texts = _decoded(_gunzipped(blocks, limits) if form.gzipped else blocks)
    number = 0
    try:
        for number, row in enumerate(read(texts, columns, limits), start=1):  # noqa: B007 - read on a refusal
            yield row
    except ImportRefused as error:
        if not number:
            raise
        raise ImportRefused(error.code, f"After row {number}: {error.detail}") from error


def _refuse(code: str, detail: str) -> NoReturn:
    raise ImportRefused(code, detail)


def _refuse_long_row(limits: Limits) -> NoReturn:
    _refuse(
        "row_too_long",
        f"A row has more than {limits.row_characters} characters; is a quote or bracket left open? "
        "Close it, or shorten the row.",
    )


def _gunzipped(blocks: Iterable[bytes], limits: Limits) -> Iterator[bytes]:
    packed = unpacked = 0
    unpacker = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    for block in blocks:
        packed += len(block)
        left = block
        while left:
            if unpacker.eof:  # gzip files may be joined end to end
                unpacker = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
            try:
                piece = unpacker.decompress(left, PIECE_BYTES)
            except zlib.error as error:
                _refuse("corrupt_gzip", f"The gzip data is damaged ({error}); upload the file again.")
            unpacked += len(piece)
            if unpacked > limits.unpacked_bytes:
                _refuse("gzip_bomb", f"The file unpacks to over {limits.unpacked_bytes} bytes; split it.")
            if unpacked > max(limits.ratio_from_bytes, packed * limits.unpacked_ratio):
                _refuse(
                    "gzip_bomb",
                    f"The file unpacks to over {limits.unpacked_ratio} times its size; upload it without gzip.",
                )
            if piece:
                yield piece
            left = unpacker.unused_data if unpacker.eof else unpacker.unconsumed_tail
    if packed and not unpacker.eof:
        _refuse("corrupt_gzip", "The gzip data ends too early; upload the whole file again.")


def _decoded(blocks: Iterable[bytes]) -> Iterator[str]:
    """The text without a byte order mark; refuses whatever is not UTF-8 text."""
    decoder = codecs.getincrementaldecoder("utf-8-sig")()
    empty = True
    for block in chain(blocks, [b""]):
        fault = None
        try:
            text = decoder.decode(block, final=not block)
        except UnicodeDecodeError as error:
            text = error.object[: error.start].decode()
            fault = _not_utf8(error)
        if "\0" in text:
            text = text.partition("\0")[0]
            fault = ImportRefused("nul_bytes", "There are NUL bytes; save the file as text in UTF-8.")
        empty = empty and not text.strip()
        yield text
        if fault:
            raise fault
    if empty:
        _refuse("empty_file", "The file is empty.")


def _not_utf8(error: UnicodeDecodeError) -> ImportRefused:
    start = error.object[error.start : error.start + 2]
    if error.start == 0 and start in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        return ImportRefused("not_utf8", "The file is in UTF-16; save it as UTF-8.")
    return ImportRefused("not_utf8", f"Byte 0x{start[0]:02X} is not UTF-8; save the file as UTF-8.")


def _lines(texts: Iterable[str], limits: Limits) -> Iterator[str]:
    r"""Lines without their ends, be they \n, \r\n or \r."""
    rest = ""
    for piece in texts:
        text = rest + piece
        # A \r at the end may be half of \r\n.
        half = "\r" if text.endswith("\r") else ""
        *lines, rest = text.removesuffix("\r").replace("\r\n", "\n").replace("\r", "\n").split("\n")
        for line in lines:
            if len(line) > limits.row_characters:
                _refuse_long_row(limits)
            yield line
        if len(rest) > limits.row_characters:
            _refuse_long_row(limits)
        rest += half
    yield rest.removesuffix("\r")


class _RecordLines:
    """Lines for the csv parser, which would gather a record of any size behind an open quote."""

    def __init__(self, lines: Iterator[str], limits: Limits) -> None:
        self._lines = lines
        self._limits = limits
        self.record_size = 0
        self.ended = False

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        try:
            line = next(self._lines)
        except StopIteration:
            self.ended = True
            raise
        self.record_size += len(line)
        if self.record_size > self._limits.row_characters:
            _refuse_long_row(self._limits)
        return line + "\n"


def _csv_records(texts: Iterable[str], limits: Limits) -> Iterator[list[str] | csv.Error]:
    lines = _RecordLines(_lines(texts, limits), limits)
    records = csv.reader(lines, strict=True, skipinitialspace=True)
    while True:
        lines.record_size = 0
        try:
            record = next(records)
        except StopIteration:
            return
        except csv.Error as error:
            if lines.ended:
                _refuse("open_quote", "A quote is opened and never closed; close it and import again.")
            yield error
        else:
            if any(record):
                yield record


def _csv_rows(texts: Iterable[str], columns: Columns, limits: Limits) -> Iterator[Row | Rejection]:
    records = _csv_records(texts, limits)
    headings = next(records, [])
    if isinstance(headings, csv.Error):
        _refuse("malformed_headings", f"The headings cannot be read: {headings}.")
    fields = _fields(headings, columns, limits)
    width = len(headings)
    for number, record in enumerate(records, start=1):
        if isinstance(record, csv.Error):
            yield Rejection(number, "malformed_row", f"The row is not CSV: {record}.")
        elif any(record[width:]):
            yield Rejection(
                number,
                "too_many_values",
                f"The row has {len(record)} values under {width} headings; quote values that hold a comma.",
            )
        else:
            filled = {field: record[at].strip() for at, field in fields if at < len(record)}
            yield Row(number, {field: value for field, value in filled.items() if value})


def _fields(headings: Sequence[str], columns: Columns, limits: Limits) -> list[tuple[int, str]]:
    if len(headings) > limits.columns:
        _refuse("too_many_columns", f"There are {len(headings)} columns; at most {limits.columns} are read.")
    fields: dict[str, int] = {}
    for at, heading in enumerate(headings):
        field = columns.named(heading)
        if field in fields:
            _refuse(
                "duplicate_heading",
                f"The headings {headings[fields[field]]!r:.60} and {heading!r:.60} both mean {field}; "
                "keep one, or say which by `columns`.",
            )
        if field:
            fields[field] = at
    if missing := columns.required - fields.keys():
        found = ", ".join(heading.strip() for heading in headings)
        _refuse(
            "missing_column",
            f"No heading means {', '.join(sorted(missing))}; the file has {found:.300}. "
            "Rename a heading, or map it by `columns`.",
        )
    return [(at, field) for field, at in fields.items()]


SPACE = re.compile(r"[ \t\r\n]*")
BRACKETS = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"?|[][{}]', re.DOTALL)
LONGEST_TOKEN = len(r"\ud83d\ude00")


def _jsonl_rows(texts: Iterable[str], columns: Columns, limits: Limits) -> Iterator[Row | Rejection]:
    lines = (line for line in _lines(texts, limits) if line.strip())
    for number, line in enumerate(lines, start=1):
        try:
            value = read_json(line)
        except json.JSONDecodeError as error:
            yield Rejection(number, "malformed_row", f"The line is not JSON: {error}.")
        except ValueError as error:
            yield Rejection(number, "malformed_row", f"The line {error}.")
        else:
            yield _object_row(number, value, columns, limits)


def _json_rows(texts: Iterable[str], columns: Columns, limits: Limits) -> Iterator[Row | Rejection]:
    for number, item in enumerate(_json_items(iter(texts), limits), start=1):
        if isinstance(item, _Unusable):
            yield Rejection(number, "malformed_row", f"The item {item.reason}.")
        else:
            yield _object_row(number, item, columns, limits)


class _Unusable(NamedTuple):
    """An item whose end is known, and which cannot be taken."""

    reason: str


class _CutShort(Exception):
    """The text ends before the item does."""


def _json_items(texts: Iterator[str], limits: Limits) -> Iterator[object]:
    """The items of the one array that the text is."""
    text = next((text for text in texts if text.strip()), "").lstrip()
    if not text.startswith("["):
        _refuse("not_an_array", "A .json file holds one array; name a file of JSON lines .jsonl.")
    at, ends, may_be_empty = 1, False, True
    while not ends:
        try:
            items, end = _item(text, at, limits, may_be_empty=may_be_empty)
        except _CutShort as cut:
            more = next(texts, None)
            if more is None:
                _refuse("malformed_json", f"The array is cut short: {cut}.")
            text, at = text[at:] + more, 0
            continue
        yield from items
        at, ends, may_be_empty = end + 1, text[end] == "]", False
    if text[at:].strip() or any(text.strip() for text in texts):
        _refuse("malformed_json", "There is more after the array; a .json file holds one array.")


def _item(text: str, at: int, limits: Limits, *, may_be_empty: bool) -> tuple[list[object], int]:
    """The item at `at` (none when the array is empty) and where the comma or bracket behind it stands."""
    items: list[object] = []
    end, fault = len(text), None
    start = _behind_space(text, at)
    try:
        if may_be_empty and text.startswith("]", start):
            end = start
        else:
            item, behind = _decoded_item(text, start)
            items.append(item)
            end = _behind_space(text, behind)
    except json.JSONDecodeError as error:
        fault = error
    if fault and _is_final(fault, min(len(text), at + limits.row_characters)):
        _refuse("malformed_json", f"An item is not JSON: {fault.msg}.")
    if end - at > limits.row_characters:
        _refuse_long_row(limits)
    if end == len(text):
        raise _CutShort(fault or "its end is missing")
    if text[end] not in ",]":
        _refuse("malformed_json", f"A comma or the end of the array is missing before {text[end]!r}.")
    return items, end


def _decoded_item(text: str, start: int) -> tuple[object, int]:
    """An item and where it ends. Raises JSONDecodeError, and _CutShort where a deep one may go on."""
    try:
        item, end = DECODER.raw_decode(text, start)
    except RecursionError:
        return _Unusable(TOO_DEEP), _end_of(text, start)
    written = text[start:end]
    try:
        return read_json(written) if _is_suspect(written) else item, end
    except ValueError as error:
        return _Unusable(str(error)), end


def _is_suspect(written: str) -> bool:
    return "\\u" in written or written.count("[") + written.count("{") > DEEPEST


def _end_of(text: str, start: int) -> int:
    """Where the object or array ends that begins here. Raises _CutShort."""
    depth = 0
    for token in BRACKETS.finditer(text, start):
        depth += {"[": 1, "{": 1, "]": -1, "}": -1}.get(token.group(), 0)
        if not depth:
            return token.end()
    raise _CutShort(TOO_DEEP)


def _behind_space(text: str, at: int) -> int:
    found = SPACE.match(text, at)
    return found.end() if found else at


def _is_final(fault: json.JSONDecodeError, end: int) -> bool:
    """Whether the fault would stay if more text came: it is no open string and no token cut by the end."""
    return not fault.msg.startswith("Unterminated") and fault.pos + LONGEST_TOKEN < end


def _object_row(number: int, value: object, columns: Columns, limits: Limits) -> Row | Rejection:
    if not isinstance(value, dict):
        return Rejection(number, "not_an_object", "The row is not a JSON object.")
    if len(value) > limits.columns:
        return Rejection(number, "too_many_columns", f"The row has {len(value)} columns; at most {limits.columns}.")
    values: dict[str, object] = {}
    for heading, each in value.items():
        field = columns.named(heading)
        if field in values:
            return Rejection(number, "duplicate_heading", f"Two of the row's names mean {field}.", field)
        if field and each is not None and each != "":
            values[field] = each
    return Row(number, values)
