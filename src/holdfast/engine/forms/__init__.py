"""How a file's rows are laid out, and so how it is cut into chunks, pinned and parsed: one form per format.

The planner asks `form_of` once per new file and keeps the answer in the file's layout; everybody else goes by that.
A form's module is imported when it is first used: what needs Arrow costs a start nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Protocol, cast

from holdfast.domain.chunk import FileStamp, PlannedChunk
from holdfast.domain.compression import compression_of
from holdfast.domain.contract import Contract
from holdfast.domain.errors import SourceError
from holdfast.domain.formats import format_of_name
from holdfast.engine.claims import Claim
from holdfast.engine.ledger import ChunkRow, FileLayout, FileVersion
from holdfast.engine.spans import CutFile
from holdfast.ports.source import Source, SourceHandle

if TYPE_CHECKING:
    import pyarrow as pa

    from holdfast.engine.forms.record import SourceRecord
    from holdfast.parsing.drift import Delivery
    from holdfast.parsing.parsed import ParsedChunk


_COMPRESSED_THEMSELVES = ("parquet", "excel")


class Form(Protocol):
    """One layout of rows. The methods that take a handle are the planner's; the others open the file themselves."""

    rejects_are: str  # the text format that rejected rows are kept in

    def layout(self, handle: SourceHandle, stamp: FileStamp, contract: Contract) -> FileLayout:
        """How the file is written. Raises SourceError."""
        ...

    def delivery(
        self, handle: SourceHandle, stamp: FileStamp, layout: FileLayout, contract: Contract, *, sampled: bool
    ) -> Delivery:
        """The fields, and if `sampled` some values of each, to be compared with the contract before rows are loaded."""
        ...

    def cut(
        self,
        handle: SourceHandle,
        stamp: FileStamp,
        layout: FileLayout,
        contract: Contract,
        older: list[ChunkRow],
    ) -> CutFile:
        """All chunks of the file, pinned. `older`: those of the version before it, which may be kept."""
        ...

    def parse(
        self, source: Source, contract: Contract, file: FileVersion, claim: Claim, digits_max: int | None
    ) -> ParsedChunk:
        """A chunk's rows and rejects, of the very bytes that the plan pinned. Raises SourceChanged, SourceError."""
        ...

    def records(
        self,
        source: Source,
        contract: Contract,
        file: FileVersion,
        claim: Claim,
        rows: Sequence[int],
        digits_max: int | None,
    ) -> dict[int, SourceRecord]:
        """Some of a chunk's records, by number (from 0, rejects counted), from the very bytes that the plan pinned.

        A number that the chunk has not is left out. Raises SourceChanged, SourceError.
        """
        ...

    def first_rows(
        self,
        source: Source,
        contract: Contract,
        uri: str,
        layout: FileLayout,
        chunk: PlannedChunk,
        digits_max: int | None,
    ) -> pa.Table | None:
        """A few rows from a chunk's beginning; None where they are too long to be worth a look."""
        ...


def form_of(contract: Contract, uri: str) -> str:
    """The name of the form that a file is read as: the contract's, or what its name says."""
    name = format_of_name(uri) if contract.format.type == "auto" else contract.format.type
    if name in _COMPRESSED_THEMSELVES and compression_of(uri, contract.format.compression):
        raise SourceError(
            f"{uri}: files of type {name} are read here and there, which a compressed one does not allow;"
            " nothing was loaded",
            hint="unpack it; such files are compressed already",
        )
    return name


def form_named(name: str) -> Form:
    if name == "excel":
        return cast(Form, import_module("holdfast.engine.forms.excel").ExcelForm())
    if name == "parquet":
        return cast(Form, import_module("holdfast.engine.forms.parquet").ParquetForm())
    if name in ("csv", "jsonl", "fixed"):
        return cast(Form, import_module("holdfast.engine.forms.text").TextForm(name))
    raise SourceError(f"files of type {name} cannot be read", hint="see docs/contracts.md: keys of [format]")
