"""Loads the usage file with dlt: a resource of Arrow batches, merged on the key. Runs in dlt's environment.

    python dlt_load.py FILE URL READER PIPELINES_DIR

READER is `arrow` (pyarrow's CSV reader with the columns' types, loaded as CSV by COPY: dlt's documentation calls it the
fast way into PostgreSQL) or `pandas` (dlt's own read_csv source of the filesystem, as in its tutorial).
"""

import os
import sys

os.environ.update(
    RUNTIME__DLTHUB_TELEMETRY="false",
    RUNTIME__LOG_LEVEL="ERROR",
    NORMALIZE__PARQUET_NORMALIZER__ADD_DLT_ID="true",  # the upsert strategy joins on it
    NORMALIZE__PARQUET_NORMALIZER__ADD_DLT_LOAD_ID="true",
)

import dlt
import pyarrow as pa
from dlt.sources.filesystem import filesystem, read_csv
from pyarrow import csv

file, url, reader, pipelines_dir = sys.argv[1:5]
KEY = ["date", "bill_id"]
TYPES = {
    "Date": pa.date32(),
    "Bill_ID": pa.int64(),
    "Product1_revenue": pa.decimal128(15, 2),
    "Product2_revenue": pa.decimal128(15, 2),
}
HINTS = {
    "date": {"data_type": "date"},
    "bill_id": {"data_type": "bigint"},
    "product1_revenue": {"data_type": "decimal", "precision": 15, "scale": 2},
    "product2_revenue": {"data_type": "decimal", "precision": 15, "scale": 2},
}


def arrow_batches():
    yield from csv.open_csv(
        file,
        read_options=csv.ReadOptions(block_size=2**24),
        parse_options=csv.ParseOptions(newlines_in_values=True),
        convert_options=csv.ConvertOptions(column_types=TYPES),
    )


postgres = url.startswith("postgresql")
merge = {"disposition": "merge", "strategy": "upsert" if postgres else "delete-insert"}
if reader == "arrow":
    rows = dlt.resource(arrow_batches, name="usage_data")
else:
    folder, name = os.path.split(file)
    kept_as_text = {"chunksize": 100_000, "dtype": str, "keep_default_na": False}  # no float for money
    rows = (filesystem(bucket_url=f"file://{folder}", file_glob=name) | read_csv(**kept_as_text)).with_name(
        "usage_data"
    )
    rows.apply_hints(columns=HINTS)
rows.apply_hints(primary_key=KEY, write_disposition=merge)
pipeline = dlt.pipeline(
    "usage",
    pipelines_dir=pipelines_dir,
    destination=dlt.destinations.postgres(url) if postgres else dlt.destinations.sqlalchemy(url),
    dataset_name="public" if postgres else "main",
)
loaded = pipeline.run(rows, loader_file_format="csv" if postgres else "parquet")
loaded.raise_on_failed_jobs()
