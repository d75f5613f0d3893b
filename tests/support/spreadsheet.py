"""A spreadsheet as small as one can be, written by hand: one sheet of texts, numbers, days, truths and errors."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path
from types import EllipsisType
from xml.sax.saxutils import escape

Cell = str | int | float | bool | date | datetime | None | BaseException | EllipsisType
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_LINKS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_DAY, _MOMENT = 1, 2  # places in the list of styles


def write_xlsx(path: Path, sheets: dict[str, Sequence[Sequence[Cell]]]) -> None:
    """An exception as a cell is an error of that text, such as #N/A; `...` a formula that nobody computed."""
    names = list(sheets)
    kind = "application/vnd.openxmlformats"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        overrides = "".join(
            f'<Override PartName="/xl/worksheets/sheet{i}.xml" ContentType="{kind}-officedocument'
            '.spreadsheetml.worksheet+xml"/>'
            for i in range(1, len(names) + 1)
        )
        main = f"{kind}-officedocument.spreadsheetml"
        archive.writestr(
            "[Content_Types].xml",
            f'<Types xmlns="{_PACKAGE}/content-types"><Default Extension="rels" ContentType="{kind}'
            f'-package.relationships+xml"/><Override PartName="/xl/workbook.xml" ContentType="{main}.sheet.main+xml"/>'
            f'<Override PartName="/xl/styles.xml" ContentType="{main}.styles+xml"/>{overrides}</Types>',
        )
        archive.writestr(
            "_rels/.rels",
            f'<Relationships xmlns="{_PACKAGE}/relationships"><Relationship Id="r1" Type="{_LINKS}/officeDocument"'
            ' Target="xl/workbook.xml"/></Relationships>',
        )
        listed = "".join(f'<sheet name="{escape(n)}" sheetId="{i}" r:id="s{i}"/>' for i, n in enumerate(names, 1))
        archive.writestr(
            "xl/workbook.xml", f'<workbook xmlns="{_MAIN}" xmlns:r="{_LINKS}"><sheets>{listed}</sheets></workbook>'
        )
        links = "".join(
            f'<Relationship Id="s{i}" Type="{_LINKS}/worksheet" Target="worksheets/sheet{i}.xml"/>'
            for i in range(1, len(names) + 1)
        )
        archive.writestr(
            "xl/_rels/workbook.xml.rels",
            f'<Relationships xmlns="{_PACKAGE}/relationships">{links}<Relationship Id="st" Type="{_LINKS}/styles"'
            ' Target="styles.xml"/></Relationships>',
        )
        formats = "".join(f'<xf numFmtId="{number}"/>' for number in (0, 14, 22))
        archive.writestr("xl/styles.xml", f'<styleSheet xmlns="{_MAIN}"><cellXfs>{formats}</cellXfs></styleSheet>')
        for i, rows in enumerate(sheets.values(), 1):
            archive.writestr(f"xl/worksheets/sheet{i}.xml", _sheet(rows))


def _sheet(rows: Sequence[Sequence[Cell]]) -> str:
    lines = [
        f'<row r="{number}">{"".join(_cell(cell, place, number) for place, cell in enumerate(row))}</row>'
        for number, row in enumerate(rows, 1)
    ]
    return f'<worksheet xmlns="{_MAIN}"><sheetData>{"".join(lines)}</sheetData></worksheet>'


def _cell(cell: Cell, place: int, row: int) -> str:
    at = f'r="{chr(ord("A") + place)}{row}"'
    if cell is None:
        return ""
    if isinstance(cell, BaseException):
        return f'<c {at} t="e"><v>{cell}</v></c>'
    if cell is ...:
        return f"<c {at}><f>A1+1</f></c>"
    if isinstance(cell, bool):
        return f'<c {at} t="b"><v>{int(cell)}</v></c>'
    if isinstance(cell, datetime):
        days = (cell - datetime(1899, 12, 30)).total_seconds() / 86400  # noqa: DTZ001 - a sheet knows no zones
        return f'<c {at} s="{_MOMENT}"><v>{days!r}</v></c>'
    if isinstance(cell, date):
        return f'<c {at} s="{_DAY}"><v>{(cell - date(1899, 12, 30)).days}</v></c>'
    if isinstance(cell, (int, float)):
        return f"<c {at}><v>{cell!r}</v></c>"
    return f'<c {at} t="inlineStr"><is><t xml:space="preserve">{escape(cell)}</t></is></c>'
