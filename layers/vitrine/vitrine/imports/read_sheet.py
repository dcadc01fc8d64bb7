"""Read a spreadsheet (.xlsx) as the CSV file that it could have been saved as."""

from __future__ import annotations

import csv
import io
import tempfile
import zipfile
from contextlib import closing
from datetime import datetime
from typing import TYPE_CHECKING, Any

from vitrine.imports.model import ImportRefused, refuse

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import BinaryIO

MIB = 1 << 20
LARGEST_FILE_BYTES = 50 * MIB
LARGEST_SHEET_BYTES = 128 * MIB
LARGEST_PART_BYTES = 32 * MIB  # the library keeps texts and styles in memory, and reads sheets row by row
_SHEETS = "xl/worksheets/"
_ROWS_TOGETHER = 500


def sheet_as_csv(blocks: Iterable[bytes], most_columns: int) -> Iterator[bytes]:
    """Iterate over the first sheet of a file as CSV in UTF-8, with at most one column more than `most_columns`.

    The same file gives the same bytes. Cells with formulas have the values that were saved with them. Raises
    ImportRefused if the file is too large, packed or unpacked, or no spreadsheet.
    """
    with tempfile.TemporaryFile() as file:
        size = 0
        for block in blocks:
            size += len(block)
            if size > LARGEST_FILE_BYTES:
                refuse("sheet_too_large", f"Spreadsheets may have {LARGEST_FILE_BYTES // MIB} MB; save it as CSV.")
            file.write(block)
        if not size:
            refuse("empty_file", "The file is empty.")
        try:
            _check_parts(file)
            yield from _rows_as_csv(file, most_columns)
        except ImportRefused:
            raise
        except Exception as error:  # the library raises errors of many kinds for files that are damaged on purpose
            raise ImportRefused(
                "malformed_sheet", "The file is not an .xlsx spreadsheet without a password; save it as CSV."
            ) from error


def _check_parts(file: BinaryIO) -> None:
    """Refuse a file that unpacks to too much. No part unpacks to more than the size that the archive states."""
    with zipfile.ZipFile(file) as archive:
        parts = archive.infolist()
    for part in parts:
        most = LARGEST_SHEET_BYTES if part.filename.startswith(_SHEETS) else LARGEST_PART_BYTES
        if part.file_size > most:
            refuse("sheet_too_large", f"A part of the file unpacks to over {most // MIB} MB; save it as CSV.")


def _rows_as_csv(file: BinaryIO, most_columns: int) -> Iterator[bytes]:
    from openpyxl import load_workbook  # noqa: PLC0415 - for spreadsheets alone

    with closing(load_workbook(file, read_only=True, data_only=True, keep_links=False)) as book:
        sheet = book.worksheets[0]
        sheet.reset_dimensions()  # the size that the file states may be wrong
        text = io.StringIO()
        writer = csv.writer(text)
        for number, cells in enumerate(sheet.iter_rows(max_col=most_columns + 1, values_only=True), start=1):
            values = [_text(cell) for cell in cells]
            while values and not values[-1]:
                values.pop()
            writer.writerow(values)
            if number % _ROWS_TOGETHER == 0:
                yield text.getvalue().encode()
                text.seek(0)
                text.truncate()
        yield text.getvalue().encode()


def _text(cell: Any) -> str:
    """Return a cell as people would write it in a CSV file; times are in UTC."""
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return str(cell).lower()
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    if isinstance(cell, datetime):
        return f"{cell.isoformat()}Z"
    return str(cell)
