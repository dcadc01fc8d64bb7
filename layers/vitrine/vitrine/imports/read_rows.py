"""Read the rows of an uploaded file, in bounded memory however large or hostile it is."""

from __future__ import annotations

import codecs
import csv
import json
import re
import zlib
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple, NoReturn

from vitrine.imports.model import ImportRefused, Rejection, Row, refuse
from vitrine.imports.read_sheet import sheet_as_csv
from vitrine.platform.json_text import DECODER, DEEPEST, TOO_DEEP, read_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from vitrine.imports.model import Columns, FileForm

KIB, MIB, GIB = 1 << 10, 1 << 20, 1 << 30
PIECE_BYTES = 64 * KIB


@dataclass(frozen=True, slots=True)
class ReadLimits:
    """What a file may cost. Up to `ratio_from_bytes` any compression ratio is allowed."""

    unpacked_bytes: int = 10 * GIB
    unpacked_ratio: int = 200
    ratio_from_bytes: int = 16 * MIB
    row_characters: int = MIB
    columns: int = 200


LIMITS = ReadLimits()
csv.field_size_limit(LIMITS.row_characters)


@dataclass(slots=True)
class Position:
    """How many rows, and bytes of the decompressed file, have been read. Advances with each row."""

    row: int = 0
    offset: int = 0


def read_rows(
    blocks: Iterable[bytes], form: FileForm, columns: Columns, limits: ReadLimits = LIMITS
) -> Iterator[Row | Rejection]:
    """Iterate over the rows of a file from its beginning; see `resume_rows`."""
    return resume_rows(lambda _: blocks, form, columns, Position(), limits)


def resume_rows(
    read: Callable[[int], Iterable[bytes]],
    form: FileForm,
    columns: Columns,
    position: Position,
    limits: ReadLimits = LIMITS,
) -> Iterator[Row | Rejection]:
    """Iterate over the file's rows after `position`, numbered from 1; `read(start)` returns its bytes from `start`.

    The same bytes give the same rows however they are split into blocks, and wherever reading resumes. Raises
    ImportRefused, after the rows before the fault, if the rest cannot be read.
    """
    try:
        for row in _rows(read, form, columns, position, limits):
            position.row += 1
            yield row
    except ImportRefused as error:
        if not position.row:
            raise
        raise ImportRefused(error.code, f"After row {position.row}: {error.detail}") from error


def _rows(
    read: Callable[[int], Iterable[bytes]], form: FileForm, columns: Columns, position: Position, limits: ReadLimits
) -> Iterator[Row | Rejection]:
    def texts(start: Position) -> Iterator[str]:
        blocks: Iterable[bytes]
        if form.format == "xlsx":
            blocks = _skip(sheet_as_csv(read(0), limits.columns), start.offset)
        elif form.gzipped:
            blocks = _skip(_gunzipped(read(0), limits), start.offset)
        else:
            blocks = read(start.offset)
        return _decoded(blocks, start)

    if form.format == "jsonl":
        return _jsonl_rows(texts(position), columns, limits, position)
    if form.format == "json":
        return _json_rows(texts(position), columns, limits, position)
    records = _csv_records(texts(position), limits, position)
    beginning = Position()
    headings = _csv_records(texts(beginning), limits, beginning) if position.offset else records
    return _csv_rows(records, *_read_headings(headings, columns, limits), position)


def _skip(blocks: Iterable[bytes], start: int) -> Iterator[bytes]:
    """Iterate over the blocks without their first `start` bytes."""
    for block in blocks:
        if start < len(block):
            yield block[start:]
        start = max(0, start - len(block))


def _refuse_long_row(limits: ReadLimits) -> NoReturn:
    refuse(
        "row_too_long",
        f"A row has more than {limits.row_characters} characters. Shorten it, or close its open quote or bracket.",
    )


def _gunzipped(blocks: Iterable[bytes], limits: ReadLimits) -> Iterator[bytes]:
    packed = unpacked = 0
    unpacker = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    for block in blocks:
        packed += len(block)
        left = block
        while left:
            if unpacker.eof:  # a file may be several gzip files in a row
                unpacker = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
            try:
                piece = unpacker.decompress(left, PIECE_BYTES)
            except zlib.error as error:
                refuse("corrupt_gzip", f"The gzip data is damaged ({error}); upload the file again.")
            unpacked += len(piece)
            if unpacked > limits.unpacked_bytes:
                refuse("gzip_bomb", f"The file unpacks to over {limits.unpacked_bytes} bytes; split it.")
            if unpacked > max(limits.ratio_from_bytes, packed * limits.unpacked_ratio):
                refuse(
                    "gzip_bomb",
                    f"The file unpacks to over {limits.unpacked_ratio} times its size; upload it without gzip.",
                )
            if piece:
                yield piece
            left = unpacker.unused_data if unpacker.eof else unpacker.unconsumed_tail
    if packed and not unpacker.eof:
        refuse("corrupt_gzip", "The gzip data ends too early; upload the whole file again.")


def _decoded(blocks: Iterable[bytes], position: Position) -> Iterator[str]:
    """Iterate over the text, without a byte order mark. Raises ImportRefused if it is not UTF-8 text."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    first = empty = position.offset == 0
    for block in chain(blocks, [b""]):
        fault = None
        try:
            text = decoder.decode(block, final=not block)
        except UnicodeDecodeError as error:
            text = error.object[: error.start].decode()
            fault = _not_utf8(error)
        if "\0" in text:
            text = text.partition("\0")[0]
            fault = ImportRefused("nul_bytes", "The file has NUL bytes; save it as UTF-8 text.")
        if first and text:
            first = False
            if text.startswith(_BYTE_ORDER_MARK):
                text = text.removeprefix(_BYTE_ORDER_MARK)
                position.offset += len(codecs.BOM_UTF8)
        empty = empty and not text.strip()
        yield text
        if fault:
            raise fault
    if empty:
        refuse("empty_file", "The file is empty.")


def _not_utf8(error: UnicodeDecodeError) -> ImportRefused:
    start = error.object[error.start : error.start + 2]
    if error.start == 0 and start in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        return ImportRefused("not_utf8", "The file is in UTF-16; save it as UTF-8.")
    return ImportRefused("not_utf8", f"Byte 0x{start[0]:02X} is not UTF-8; save the file as UTF-8.")


_LINE_END = re.compile(r"\r\n|\r|\n")
_BYTE_ORDER_MARK = "\ufeff"


def _lines(texts: Iterable[str], limits: ReadLimits, position: Position) -> Iterator[str]:
    r"""Iterate over the lines without their ends, which may be \n, \r\n or \r."""
    rest = ""
    for piece in texts:
        text = rest + piece
        # A \r at the end may be half of \r\n.
        half = "\r" if text.endswith("\r") else ""
        whole = text.removesuffix("\r")
        at = 0
        for end in _LINE_END.finditer(whole):
            line = whole[at : end.start()]
            at = end.end()
            if len(line) > limits.row_characters:
                _refuse_long_row(limits)
            position.offset += _size(line) + len(end[0])
            yield line
        rest = whole[at:]
        if len(rest) > limits.row_characters:
            _refuse_long_row(limits)
        rest += half
    position.offset += _size(rest)
    yield rest.removesuffix("\r")


def _size(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode())


class _RecordLines:
    """Lines for the csv parser, which would collect a record of any size after an open quote."""

    def __init__(self, lines: Iterator[str], limits: ReadLimits) -> None:
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


def _csv_records(texts: Iterable[str], limits: ReadLimits, position: Position) -> Iterator[list[str] | csv.Error]:
    lines = _RecordLines(_lines(texts, limits, position), limits)
    records = csv.reader(lines, strict=True, skipinitialspace=True)
    while True:
        lines.record_size = 0
        try:
            record = next(records)
        except StopIteration:
            return
        except csv.Error as error:
            if lines.ended:
                refuse("open_quote", "A quote is opened and never closed; close it and import again.")
            yield error
        else:
            if any(record):
                yield record


def _read_headings(
    records: Iterator[list[str] | csv.Error], columns: Columns, limits: ReadLimits
) -> tuple[list[tuple[int, str]], int]:
    """Return the (index, column) pairs of the headings that mean a column, and how many headings there are."""
    headings = next(records, [])
    if isinstance(headings, csv.Error):
        refuse("malformed_headings", f"The headings cannot be read: {headings}.")
    return _fields(headings, columns, limits), len(headings)


def _csv_rows(
    records: Iterator[list[str] | csv.Error], fields: list[tuple[int, str]], width: int, position: Position
) -> Iterator[Row | Rejection]:
    for number, record in enumerate(records, start=position.row + 1):
        if isinstance(record, csv.Error):
            yield Rejection(number, "malformed_row", f"The row is not CSV: {record}.")
        elif any(record[width:]):
            yield Rejection(
                number,
                "too_many_values",
                f"The row has {len(record)} values under {width} headings; quote values that contain a comma.",
            )
        else:
            filled = {field: record[index].strip() for index, field in fields if index < len(record)}
            yield Row(number, {field: value for field, value in filled.items() if value})


def _fields(headings: Sequence[str], columns: Columns, limits: ReadLimits) -> list[tuple[int, str]]:
    if len(headings) > limits.columns:
        refuse("too_many_columns", f"There are {len(headings)} columns; at most {limits.columns} are read.")
    fields: dict[str, int] = {}
    for index, heading in enumerate(headings):
        field = columns.named(heading)
        if field in fields:
            refuse(
                "duplicate_heading",
                f"The headings {headings[fields[field]]!r:.60} and {heading!r:.60} both mean {field}; "
                "remove one, or choose one with `columns`.",
            )
        if field:
            fields[field] = index
    if missing := columns.required - fields.keys():
        present = ", ".join(heading.strip() for heading in headings)
        refuse(
            "missing_column",
            f"No heading means {', '.join(sorted(missing))}; the file has {present:.300}. "
            "Rename a heading, or map it with `columns`.",
        )
    return [(index, field) for field, index in fields.items()]


SPACE = re.compile(r"[ \t\r\n]*")
BRACKETS = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"?|[][{}]', re.DOTALL)
LONGEST_TOKEN = len(r"\ud83d\ude00")


def _jsonl_rows(
    texts: Iterable[str], columns: Columns, limits: ReadLimits, position: Position
) -> Iterator[Row | Rejection]:
    lines = (line for line in _lines(texts, limits, position) if line.strip())
    for number, line in enumerate(lines, start=position.row + 1):
        try:
            value = read_json(line)
        except json.JSONDecodeError as error:
            yield Rejection(number, "malformed_row", f"The line is not JSON: {error}.")
        except ValueError as error:
            yield Rejection(number, "malformed_row", f"The line {error}.")
        else:
            yield _object_row(number, value, columns, limits)


def _json_rows(
    texts: Iterator[str], columns: Columns, limits: ReadLimits, position: Position
) -> Iterator[Row | Rejection]:
    for number, item in enumerate(_json_items(texts, limits, position), start=position.row + 1):
        if isinstance(item, _InvalidItem):
            yield Rejection(number, "malformed_row", f"The item {item.reason}.")
        else:
            yield _object_row(number, item, columns, limits)


class _InvalidItem(NamedTuple):
    """An item whose end is known, but which cannot be imported."""

    reason: str


class _Incomplete(Exception):
    """The text ends before the item."""


def _json_items(texts: Iterator[str], limits: ReadLimits, position: Position) -> Iterator[object]:
    """Iterate over the items of the text's array. The position after an item is before its comma or bracket."""
    may_be_empty = position.offset == 0
    if may_be_empty:
        text = ""
        while not text and (piece := next(texts, None)) is not None:
            text = piece.lstrip()
            position.offset += _size(piece) - _size(text)
        if not text.startswith("["):
            refuse("not_an_array", "A .json file must contain one array; end the name of a JSON Lines file in .jsonl.")
    else:
        text = next(filter(None, texts), "")
    at, ends = 1, text.startswith("]")
    while not ends:
        try:
            items, end = _item(text, at, limits, may_be_empty=may_be_empty)
        except _Incomplete as cut:
            more = next(texts, None)
            if more is None:
                refuse("malformed_json", f"The array is incomplete: {cut}. Upload the whole file again.")
            text, at = text[at:] + more, 0
            continue
        position.offset += 1 + _size(text[at:end])
        yield from items
        at, ends, may_be_empty = end + 1, text[end] == "]", False
    if text[at:].strip() or any(text.strip() for text in texts):
        refuse("malformed_json", "The file goes on after its array; a .json file must contain one array only.")


def _item(text: str, at: int, limits: ReadLimits, *, may_be_empty: bool) -> tuple[list[object], int]:
    """Return the item at `at` (none if the array is empty), and the offset of the comma or bracket after it."""
    items: list[object] = []
    end, fault = len(text), None
    start = _skip_space(text, at)
    try:
        if may_be_empty and text.startswith("]", start):
            end = start
        else:
            item, end_of_item = _decoded_item(text, start)
            items.append(item)
            end = _skip_space(text, end_of_item)
    except json.JSONDecodeError as error:
        fault = error
    if fault and _is_final(fault, min(len(text), at + limits.row_characters)):
        refuse("malformed_json", f"An item is not JSON: {fault.msg}.")
    if end - at > limits.row_characters:
        _refuse_long_row(limits)
    if end == len(text):
        raise _Incomplete(fault or "its end is missing")
    if text[end] not in ",]":
        refuse("malformed_json", f"A comma or the end of the array is missing before {text[end]!r}.")
    return items, end


def _decoded_item(text: str, start: int) -> tuple[object, int]:
    """Return an item and its end. Raises JSONDecodeError, and _Incomplete if a deeply nested item may go on."""
    try:
        item, end = DECODER.raw_decode(text, start)
    except RecursionError:
        return _InvalidItem(TOO_DEEP), _end_of(text, start)
    source = text[start:end]
    try:
        return read_json(source) if _is_suspect(source) else item, end
    except ValueError as error:
        return _InvalidItem(str(error)), end


def _is_suspect(source: str) -> bool:
    return "\\u" in source or source.count("[") + source.count("{") > DEEPEST


def _end_of(text: str, start: int) -> int:
    """Return the end of the object or array that begins at `start`. Raises _Incomplete."""
    depth = 0
    for token in BRACKETS.finditer(text, start):
        depth += {"[": 1, "{": 1, "]": -1, "}": -1}.get(token.group(), 0)
        if not depth:
            return token.end()
    raise _Incomplete(TOO_DEEP)


def _skip_space(text: str, at: int) -> int:
    match = SPACE.match(text, at)
    return match.end() if match else at


def _is_final(fault: json.JSONDecodeError, end: int) -> bool:
    """Return whether more text cannot repair the fault: it is no open string, and no token that `end` cuts."""
    return not fault.msg.startswith("Unterminated") and fault.pos + LONGEST_TOKEN < end


def _object_row(number: int, value: object, columns: Columns, limits: ReadLimits) -> Row | Rejection:
    if not isinstance(value, dict):
        return Rejection(number, "not_an_object", "The row is not a JSON object.")
    if len(value) > limits.columns:
        return Rejection(number, "too_many_columns", f"The row has {len(value)} columns; at most {limits.columns}.")
    values: dict[str, object] = {}
    for heading, cell in value.items():
        field = columns.named(heading)
        if field in values:
            return Rejection(number, "duplicate_heading", f"Two of the row's names mean {field}; remove one.", field)
        if field and cell is not None and cell != "":
            values[field] = cell
    return Row(number, values)
