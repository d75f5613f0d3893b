"""PostgreSQL's bulk path: binary COPY, encoded column by column without touching a row in Python.

A row is its field count, then for each field a length and a payload. Everything of a known width (lengths included)
goes into numpy records; payloads of varying width stay Arrow arrays; one Arrow kernel joins the two into the stream.
Columns of types not known here make the whole copy fall back to CSV text, which the server reads by its own rules.
Timestamps without a zone are taken as UTC where the column is a moment.
"""

from __future__ import annotations

import io
from collections.abc import Iterator

import numpy as np
import psycopg
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv

from holdfast.adapters.databases.identifiers import quote, quote_table
from holdfast.adapters.databases.postgres_fields import Field, Piece, encoder_of
from holdfast.domain.errors import ConstraintViolation

SLICE_ROWS = 16_384  # so few that the socket's buffers keep the server busy while the next slice is encoded
SLICE_BYTES = 16 * 1024 * 1024
_SIGNATURE = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_TRAILER = b"\xff\xff"


def copy_in(connection: psycopg.Connection, table: str, rows: pa.Table) -> int:
    """Append `rows` within the connection's transaction. Raises ConstraintViolation for what a column cannot hold."""
    names = ", ".join(quote(name) for name in rows.column_names)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {names} FROM {quote_table(table)} LIMIT 0".encode())  # noqa: S608 - quoted
        columns = cursor.description or []
        rows = _at_scale(rows, [column.scale for column in columns])
        try:
            stream = binary_stream(rows, [column.type_code for column in columns])
            form = "BINARY"
        except NoBinaryForm:
            stream, form = csv_stream(rows), "CSV"
        with cursor.copy(f"COPY {quote_table(table)} ({names}) FROM STDIN (FORMAT {form})".encode()) as copy:
            for part in stream:
                copy.write(part)
    return int(rows.num_rows)


def _at_scale(rows: pa.Table, scales: list[int | None]) -> pa.Table:
    """Decimals at their column's scale: the server would round what has more digits, here it is refused."""
    for i, scale in enumerate(scales):
        kind = rows.schema.types[i]
        if scale is not None and pa.types.is_decimal(kind) and kind.scale > scale:
            name = rows.column_names[i]
            try:
                narrow = rows.column(i).cast(pa.decimal128(kind.precision, scale))
            except pa.ArrowInvalid:
                raise ConstraintViolation(
                    f"column {name!r}: a decimal has more than {scale} digits after the point; nothing was written",
                    hint="the server would round it: widen the column, or reject such values",
                ) from None
            rows = rows.set_column(i, name, narrow)
    return rows


class NoBinaryForm(Exception):
    """A column's type has no binary encoder."""


def binary_stream(rows: pa.Table, oids: list[int]) -> Iterator[bytes | memoryview]:
    """The COPY stream in parts. Raises NoBinaryForm before the first part."""
    encoders = [encoder_of(oid, column.type) for oid, column in zip(oids, rows.columns, strict=True)]
    known = [encoder for encoder in encoders if encoder is not None]
    if len(known) < len(encoders):
        raise NoBinaryForm
    step = max(1, min(SLICE_ROWS, SLICE_BYTES * max(rows.num_rows, 1) // max(rows.nbytes, 1)))

    def parts() -> Iterator[bytes | memoryview]:
        yield _SIGNATURE
        for start in range(0, rows.num_rows, step):
            fields = []
            for name, column, encode in zip(rows.column_names, rows.columns, known, strict=True):
                try:
                    fields.append(encode(whole(column.slice(start, step))))
                except (pa.ArrowInvalid, ValueError):
                    raise ConstraintViolation(
                        f"column {name!r}: a value does not fit the column's type; nothing was written"
                    ) from None
            yield _joined(fields, min(step, rows.num_rows - start))
        yield _TRAILER

    return parts()


def whole(column: pa.ChunkedArray) -> pa.Array:
    """A slice of a column as one array that begins at its buffers' start or knows its offset."""
    return column.chunk(0) if column.num_chunks == 1 else pa.concat_arrays(column.chunks)


def _joined(fields: list[Field], rows: int) -> memoryview:
    """Neighbours of fixed width become one record; what lies between them are Arrow payloads."""
    pieces: list[pa.Array] = []
    record: list[Piece] = [np.full(rows, len(fields), ">i2")]
    for field in fields:
        record.extend(field.fixed)
        if field.payload is not None:
            pieces += [_records(record, rows), field.payload]
            record = []
    if record:
        pieces.append(_records(record, rows))
    stream = pieces[0] if len(pieces) == 1 else pc.binary_join_element_wise(*pieces, b"")
    offsets = np.frombuffer(stream.buffers()[1], dtype=np.int32)
    return memoryview(stream.buffers()[2])[: offsets[rows]]


def _records(columns: list[Piece], rows: int) -> pa.Array:
    """Columns side by side, without padding, as one Arrow binary array of equal lengths."""
    layout = np.dtype([(f"f{i}", column.dtype) for i, column in enumerate(columns)])
    record = np.empty(rows, dtype=layout)
    for i, column in enumerate(columns):
        record[f"f{i}"] = column
    offsets = np.arange(rows + 1, dtype=np.int32) * np.int32(layout.itemsize)
    return pa.Array.from_buffers(pa.binary(), rows, [None, pa.py_buffer(offsets), pa.py_buffer(record)])


def csv_stream(rows: pa.Table) -> Iterator[bytes | memoryview]:
    """The same rows as CSV: text is quoted and NULL is not, so the two are told apart."""
    for name, kind in zip(rows.column_names, rows.schema.types, strict=True):
        if pa.types.is_nested(kind) or pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
            raise ConstraintViolation(f"column {name!r}: {kind} cannot be copied to its column; nothing was written")
    for batch in rows.to_batches(max_chunksize=SLICE_ROWS):
        sink = io.BytesIO()
        pa_csv.write_csv(batch, sink, pa_csv.WriteOptions(include_header=False))
        yield sink.getvalue()
