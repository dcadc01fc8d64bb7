"""A spreadsheet gives the rows of the CSV file that it could have been saved as."""

from __future__ import annotations

import io
import zipfile
from datetime import date, datetime, time
from typing import TYPE_CHECKING, Any

import openpyxl
import pytest

from vitrine.imports.model import FileForm, ImportRefused, Rejection, Row, columns_of
from vitrine.imports.read_rows import LIMITS, Position, read_rows, resume_rows
from vitrine.imports.read_sheet import LARGEST_PART_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

SHEET = FileForm("xlsx", gzipped=False)
IMAGES = columns_of(["id", "name", "url", "created_at", "caption"], ["name", "url"], ["id", "image_id"], {})
NAMED = {"Titel": "name", "Bild": "url"}


def workbook(*rows: Sequence[Any]) -> bytes:
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    book.create_sheet("Notes").append(["not", "read"])
    content = io.BytesIO()
    book.save(content)
    return content.getvalue()


def changed(content: bytes, part: str, text: bytes) -> bytes:
    """The file with another content of one part."""
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as source, zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as target:
        for name in source.namelist():
            target.writestr(name, text if name == part else source.read(name))
    return made.getvalue()


def rows_of(content: bytes, columns: Any = IMAGES) -> list[Row | Rejection]:
    pieces = (content[start : start + 1000] for start in range(0, len(content), 1000))
    return list(read_rows(pieces, SHEET, columns))


def refusal_of(blocks: Iterable[bytes]) -> str:
    with pytest.raises(ImportRefused) as refused:
        list(read_rows(blocks, SHEET, IMAGES))
    return refused.value.code


def test_cells_are_what_a_csv_file_has() -> None:
    content = workbook(
        ["Image-ID", "Name", "URL", "Created At", "Caption"],
        [17, "Lamp, red", "https://x.test/a.jpg", datetime(2024, 5, 31, 12), 2.5],
        [],
        [4006381333931.0, ' "Lamp"\nblue ', "https://x.test/b.jpg", date(2024, 5, 31), True],
        ["c", "Läuft", "https://x.test/c.jpg", None, time(9, 30)],
    )
    assert [row.values for row in rows_of(content) if isinstance(row, Row)] == [
        {
            "id": "17",
            "name": "Lamp, red",
            "url": "https://x.test/a.jpg",
            "created_at": "2024-05-31T12:00:00Z",
            "caption": "2.5",
        },
        {
            "id": "4006381333931",
            "name": '"Lamp"\nblue',
            "url": "https://x.test/b.jpg",
            "created_at": "2024-05-31T00:00:00Z",
            "caption": "true",
        },
        {"id": "c", "name": "Läuft", "url": "https://x.test/c.jpg", "caption": "09:30:00"},
    ]


def test_headings_are_mapped_as_those_of_csv() -> None:
    columns = columns_of(["id", "name", "url"], ["name", "url"], ["id"], NAMED)
    content = workbook(["Titel", "Notiz", "Bild"], ["Lamp", "x", "https://x.test/a.jpg"])
    assert rows_of(content, columns) == [Row(1, {"name": "Lamp", "url": "https://x.test/a.jpg"})]


def test_reading_resumes_after_any_row() -> None:
    content = workbook(["name", "url"], *([f"Lämp {at}", f"https://x.test/{at}.jpg"] for at in range(1200)))
    position = Position()
    rows = resume_rows(lambda _: [content], SHEET, IMAGES, position)
    read = [(row, position.row, position.offset) for row in rows]
    assert len(read) == 1200
    whole = [row for row, *_ in read]
    for _, count, offset in read[::300]:
        assert list(resume_rows(lambda _: [content], SHEET, IMAGES, Position(count, offset))) == whole[count:]


def test_values_without_a_heading_and_too_many_columns_are_told() -> None:
    [row] = rows_of(workbook(["name", "url"], ["Lamp", "https://x.test/a.jpg", "more"]))
    assert isinstance(row, Rejection)
    assert row.code == "too_many_values"
    wide = [f"column {at}" for at in range(LIMITS.columns + 1)]
    assert refusal_of([workbook(wide)]) == "too_many_columns"
    assert len(rows_of(workbook(["name", "url"], ["Lamp", "https://x.test/a.jpg", *[None] * 16_000, ""]))) == 1


LAUGHS = b"""<!DOCTYPE x [<!ENTITY a "lol">%s]><worksheet>&i;</worksheet>""" % b"".join(
    b'<!ENTITY %c "%s">' % (letter, b"&%c;" % (letter - 1) * 10) for letter in b"bcdefghi"
)
GOOD = workbook(["name", "url"], ["Lamp", "https://x.test/a.jpg"])


@pytest.mark.parametrize(
    "content",
    [
        b"name,url\nLamp,https://x.test/a.jpg\n",
        b"\xd0\xcf\x11\xe0 a file with a password",
        GOOD[: len(GOOD) // 2],
        changed(GOOD, "xl/worksheets/sheet1.xml", b"<worksheet><sheetData><row"),
        changed(GOOD, "xl/worksheets/sheet1.xml", LAUGHS),
        changed(GOOD, "xl/workbook.xml", b"<workbook/>"),
        changed(GOOD, "[Content_Types].xml", b""),
        GOOD.replace(b"PK\x01\x02", b"PK\x01\x03", 1),
    ],
)
def test_what_is_no_sheet_is_refused(content: bytes) -> None:
    assert refusal_of([content]) == "malformed_sheet"


def test_what_would_cost_too_much_is_refused() -> None:
    assert refusal_of([]) == "empty_file"
    assert refusal_of(b"x" * 1_000_000 for _ in range(53)) == "sheet_too_large"
    bomb = changed(GOOD, "xl/styles.xml", b" " * (LARGEST_PART_BYTES + 1))
    assert len(bomb) < 100_000
    assert refusal_of([bomb]) == "sheet_too_large"
