"""The ledger's rows about datasets, loads and files, as small values; every statement has a name in `sql/`."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from enum import StrEnum

from holdfast.domain.chunk import ChunkState, Span
from holdfast.domain.contract import Contract
from holdfast.domain.counts import RowCounts
from holdfast.domain.errors import ContractError
from holdfast.domain.origin import CHUNK_STEP
from holdfast.ports.database import Database, Row, Transaction


class LoadKind(StrEnum):
    CHUNK = "chunk"  # visible chunk by chunk
    LOAD = "load"  # visible as a whole
    REPLACE = "replace"  # visible as a whole, and the table holds nothing else

    @property
    def lands(self) -> bool:
        return self in (LoadKind.LOAD, LoadKind.REPLACE)


@dataclass(frozen=True, slots=True)
class FileLayout:
    """How a file is written: what the parser must know besides the contract.

    `form` names its format (`engine.forms`), which also says in what offsets and spans count: bytes, or rows.
    """

    names: tuple[str, ...]
    newline: str
    encoding: str
    data_start: int
    data_end: int
    form: str = "csv"
    compression: str = ""
    heading: str = ""  # the header's own text, which is no row where it stands again

    def to_json(self) -> str:
        return json.dumps(asdict(self), ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> FileLayout:
        data = json.loads(text)
        return cls(**{**data, "names": tuple(data["names"])})


@dataclass(frozen=True, slots=True)
class FileVersion:
    """A registered version of a source file."""

    number: int
    load_number: int
    uri: str
    version: int
    content_hash: str
    size_bytes: int
    modified: str
    layout: FileLayout


@dataclass(frozen=True, slots=True)
class ChunkRow:
    """A registered chunk, as far as planning goes."""

    number: int
    ordinal: int
    span: Span
    span_hash: str
    first_line: int
    lines: int
    state: ChunkState


@dataclass(frozen=True, slots=True)
class Load:
    """What one plan found to do. `contract` is the one the plan was made with."""

    dataset: str
    number: int
    kind: LoadKind
    status: str
    rejects_max: int | None
    contract: Contract
    error: str | None

    @property
    def may_publish_in_part(self) -> bool:
        """Does it land for speed alone? Then chunks that fail need not keep the others from being seen."""
        return self.kind is LoadKind.LOAD and self.contract.publish == "auto" and bool(self.contract.primary_key)


def file_version(row: Row) -> FileVersion:
    return FileVersion(
        number=row["number"],
        load_number=row["load_number"],
        uri=row["uri"],
        version=row["version"],
        content_hash=row["content_hash"],
        size_bytes=row["size_bytes"],
        modified=row["modified"],
        layout=FileLayout.from_json(row["layout"]),
    )


def chunk_row(row: Row) -> ChunkRow:
    return ChunkRow(
        number=row["number"],
        ordinal=row["ordinal"],
        span=Span(row["span_start"], row["span_end"]),
        span_hash=row["span_hash"],
        first_line=row["first_line"],
        lines=row["lines"],
        state=ChunkState(row["state"]),
    )


def current_files(tx: Transaction, dataset: str) -> list[FileVersion]:
    return [file_version(row) for row in tx.run("files_current", dataset=dataset).rows]


def get_file(database: Database, dataset: str, number: int) -> FileVersion:
    with database.reading() as tx:
        return file_version(tx.run("file_get", dataset=dataset, number=number).rows[0])


def _load(dataset: str, row: Row) -> Load:
    return Load(
        dataset=dataset,
        number=row["number"],
        kind=LoadKind(row["kind"]),
        status=row["status"],
        rejects_max=row["rejects_max"],
        contract=Contract.model_validate_json(row["contract"]),
        error=row["error"],
    )


def lock_load(tx: Transaction, dataset: str, number: int) -> Load:
    return _load(dataset, tx.run("lock_load", dataset=dataset, number=number).rows[0])


def get_load(database: Database, dataset: str, number: int) -> Load:
    with database.reading() as tx:
        return _load(dataset, tx.run("load_get", dataset=dataset, number=number).rows[0])


def unfinished_loads(tx: Transaction, dataset: str) -> list[Load]:
    return [_load(dataset, row) for row in tx.run("loads_unfinished", dataset=dataset).rows]


def set_load_status(tx: Transaction, load: Load, status: str, error: str | None = None) -> None:
    tx.run("load_status", dataset=load.dataset, number=load.number, status=status, error=error)


@dataclass(slots=True)
class DatasetLock:
    """The dataset's row, locked; hands out its numbers. `save` writes the counters back."""

    dataset: str
    next_load: int
    next_file: int
    next_chunk: int

    def take_load(self) -> int:
        self.next_load += 1
        return self.next_load - 1

    def take_file(self) -> int:
        self.next_file += 1
        return self.next_file - 1

    def take_chunk(self) -> int:
        self.next_chunk += CHUNK_STEP
        return self.next_chunk - CHUNK_STEP

    def save(self, tx: Transaction) -> None:
        tx.run(
            "dataset_advance",
            dataset=self.dataset,
            next_load=self.next_load,
            next_file=self.next_file,
            next_chunk=self.next_chunk,
        )


def lock_dataset(tx: Transaction, contract: Contract) -> DatasetLock:
    """Register the dataset if it is new, and lock it. Raises ContractError when its table is another dataset's."""
    tx.run("dataset_add", dataset=contract.name, table_name=contract.table, next_chunk=CHUNK_STEP)
    row = tx.run("dataset_lock", dataset=contract.name).first
    owner = tx.run("dataset_of_table", table_name=contract.table).first
    if row is None or row["table_name"] != contract.table:
        belongs = f"table {contract.table!r} belongs to dataset {owner['name']!r}" if owner else "the table was renamed"
        known = f" and {contract.name!r} loads into {row['table_name']!r}" if row else ""
        raise ContractError(
            f"dataset {contract.name!r} cannot load into {contract.table!r}: {belongs}{known}; nothing was loaded",
            hint="give the dataset a table of its own, or a new name",
        )
    return DatasetLock(contract.name, row["next_load"], row["next_file"], row["next_chunk"])


def counts_of(row: Row) -> RowCounts:
    """The counts of P3 in a row of the ledger."""
    return RowCounts(
        read=int(row["rows_read"]),
        inserted=int(row["rows_inserted"]),
        updated=int(row["rows_updated"]),
        unchanged=int(row["rows_unchanged"]),
        superseded=int(row["rows_superseded"]),
        rejected=int(row["rows_rejected"]),
    )
