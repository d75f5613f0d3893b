"""The rows of one sheet of a workbook, read by python-calamine; a cell that holds an error says so.

calamine gives an error (`#N/A`), and a formula whose result nobody computed, as an empty cell, which would make a NULL
of what is none. In .xlsx the cells are looked up; an .ods file that has any error is refused, and so are .xls and
.xlsb, where nobody could tell.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator
from typing import Any
from xml.etree import ElementTree

from holdfast.domain.errors import ConfigError, SourceError

FILE_BYTES_MAX = 64 * 1024 * 1024
EXPANDED_BYTES_MAX = 512 * 1024 * 1024
_PART_BYTES_MAX = 8 * 1024 * 1024
_BLOCK_BYTES = 1024 * 1024
_CELL_BYTES_MAX = 64 * 1024
# a cell that says it holds an error; or a formula without a result, as programs that do not compute write them
_CELL = re.compile(
    rb"""<(?:\w+:)?c\s([^>]*)\bt=["']e["']([^>]*)>"""
    rb"""|<(?:\w+:)?c\s(?![^>]*\bt=["']str["'])([^>]*)>\s*<(?:\w+:)?f\b(?:[^>]*/>|[^>]*>[^<]*</(?:\w+:)?f>)\s*"""
    rb"""(?:<(?:\w+:)?v\s*/>|<(?:\w+:)?v>\s*</(?:\w+:)?v>)?\s*</(?:\w+:)?c>"""
)
_CELL_BEGINS = re.compile(rb"<(?:\w+:)?c\s")
_PLACE = re.compile(rb"""\br=["']([A-Z]{1,3})([0-9]{1,7})["']""")
_ERROR = "#ERROR!"
_HINT = "save it as .xlsx without a password, or export the sheet as CSV"


def sheet_rows(data: bytes, sheet: str | int | None, uri: str) -> list[list[Any]]:
    """The rows of a sheet from its top, all of one width; an empty cell is "". Raises SourceError, ConfigError."""
    try:
        from python_calamine import CalamineError, CalamineWorkbook
    except ImportError as error:
        raise ConfigError(
            f"{uri} is a spreadsheet, and what reads those is not installed", hint="pip install 'holdfast[excel]'"
        ) from error
    archive = _archive(data, uri)
    try:
        book = CalamineWorkbook.from_filelike(io.BytesIO(data))
        name = _sheet_name(list(book.sheet_names), sheet, uri)
        rows = book.get_sheet_by_name(name).to_python(skip_empty_area=False)
    except CalamineError as error:
        raise _unreadable(uri, str(error)) from error
    except BaseException as error:
        if type(error).__name__ != "PanicException":  # Rust's: a file so broken that calamine gave up on it
            raise
        raise _unreadable(uri, "it is broken") from error
    for row, place in _error_cells(archive, name, uri):
        if row < len(rows) and place < len(rows[row]):
            rows[row][place] = _ERROR
    return rows


def _unreadable(uri: str, what: str) -> SourceError:
    return SourceError(f"{uri} is no spreadsheet that can be read: {what}; nothing was loaded", hint=_HINT)


def _archive(data: bytes, uri: str) -> zipfile.ZipFile:
    """The workbook as the archive it is, its size within bounds."""
    if len(data) > FILE_BYTES_MAX:
        raise _unreadable(uri, f"it is larger than {FILE_BYTES_MAX:,} bytes")
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
    except zipfile.BadZipFile as error:
        raise _unreadable(
            uri, "only .xlsx and .ods are; in an older one errors such as #N/A could not be told from empty cells"
        ) from error
    expanded = sum(part.file_size for part in archive.infolist())
    if expanded > EXPANDED_BYTES_MAX:
        raise _unreadable(uri, f"it would take {expanded:,} bytes, more than {EXPANDED_BYTES_MAX:,}")
    return archive


def _sheet_name(names: list[str], sheet: str | int | None, uri: str) -> str:
    if sheet is None and names:
        return names[0]
    if isinstance(sheet, int) and 1 <= sheet <= len(names):
        return names[sheet - 1]
    if sheet in names:
        return str(sheet)
    raise SourceError(
        f"{uri} has no sheet {sheet!r}; its sheets are: {', '.join(map(repr, names))}; nothing was loaded",
        hint="correct sheet under [format]: a name, or a number from 1",
    )


def _error_cells(archive: zipfile.ZipFile, sheet: str, uri: str) -> Iterator[tuple[int, int]]:
    """Row and place, both from 0, of each cell that holds an error."""
    parts = set(archive.namelist())
    try:
        if "content.xml" in parts:
            if any(b'calcext:value-type="error"' in text for text in _blocks(archive, "content.xml")):
                raise _unreadable(uri, "some of its cells hold errors, and an .ods file does not tell which")
            return
        if "xl/workbook.xml" not in parts:
            raise _unreadable(uri, "only .xlsx and .ods are; save it as one of them")
        for text in _blocks(archive, _part_of(archive, sheet, uri)):
            for cell in _CELL.finditer(text):
                yield _place(b"".join(part or b"" for part in cell.groups()), uri)
    except (zipfile.BadZipFile, ElementTree.ParseError, KeyError, RuntimeError, OSError) as error:
        raise _unreadable(uri, str(error)) from error


def _place(attributes: bytes, uri: str) -> tuple[int, int]:
    found = _PLACE.search(attributes)
    if not found:
        raise _unreadable(uri, "a cell holds an error and does not say where it stands")
    number = 0
    for letter in found[1]:
        number = number * 26 + letter - ord("A") + 1
    return int(found[2]) - 1, number - 1


def _blocks(archive: zipfile.ZipFile, part: str) -> Iterator[bytes]:
    """A part of the archive in pieces that end before a cell begins, or where there are none before a tag."""
    rest = b""
    with archive.open(part) as file:
        while block := file.read(_BLOCK_BYTES):
            text = rest + block
            cells = [found.start() for found in _CELL_BEGINS.finditer(text, max(0, len(text) - _CELL_BYTES_MAX))]
            cut = cells[-1] if cells else max(text.rfind(b"<"), 0)
            yield text[:cut]
            rest = text[cut:]
    yield rest


def _part_of(archive: zipfile.ZipFile, sheet: str, uri: str) -> str:
    """The archive's part that holds a sheet: by the workbook's list of sheets and its list of links."""
    link = next(
        (
            value
            for element in _elements(archive, "xl/workbook.xml", uri)
            if element.tag.endswith("}sheet") and element.get("name") == sheet
            for key, value in element.items()
            if key.endswith("}id")
        ),
        None,
    )
    links = _elements(archive, "xl/_rels/workbook.xml.rels", uri)
    target = next((element.get("Target") or "" for element in links if element.get("Id") == link), "")
    return target.removeprefix("/") if target.startswith("/") else f"xl/{target}"


def _elements(archive: zipfile.ZipFile, part: str, uri: str) -> Iterator[ElementTree.Element]:
    with archive.open(part) as file:
        text = file.read(_PART_BYTES_MAX + 1)
    if len(text) > _PART_BYTES_MAX or b"<!DOCTYPE" in text:
        raise _unreadable(uri, f"its part {part} is not as a spreadsheet program writes it")
    return ElementTree.fromstring(text).iter()  # noqa: S314 - without a DOCTYPE there are no entities to expand
