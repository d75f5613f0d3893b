"""Loads the usage file with pandas: chunks of text columns, to_sql, and an upsert. Runs in pandas' environment.

    python pandas_load.py FILE URL

For PostgreSQL `method` is the COPY callable of pandas' own documentation ("Insertion method"); the rows go into a
staging table and from there with INSERT ... ON CONFLICT DO UPDATE into the keyed table. For SQLite `method` is left
out: one executemany a chunk.
"""

import csv
import sys
from io import StringIO

import pandas as pd
import sqlalchemy as sa

file, url = sys.argv[1:3]
CHUNK_ROWS = 100_000
COLUMNS = ["date", "bill_id", "currency", "name", "product1_revenue", "product2_revenue"]
TYPES = {
    "date": sa.Date(),
    "bill_id": sa.BigInteger(),
    "currency": sa.Text(),
    "name": sa.Text(),
    "product1_revenue": sa.Numeric(15, 2),
    "product2_revenue": sa.Numeric(15, 2),
}


def copy(table, connection, keys, rows):
    text = StringIO()
    csv.writer(text).writerows(rows)
    text.seek(0)
    names = ", ".join(f'"{key}"' for key in keys)
    with connection.connection.cursor() as cursor:
        cursor.copy_expert(f"COPY {table.name} ({names}) FROM STDIN WITH CSV", text)


engine = sa.create_engine(url.replace("postgresql://", "postgresql+psycopg2://"))
postgres = engine.dialect.name == "postgresql"
how = {"method": copy, "dtype": TYPES} if postgres else {}
chunks = pd.read_csv(file, chunksize=CHUNK_ROWS, dtype=str, keep_default_na=False, header=0, names=COLUMNS)
update = ", ".join(f"{name} = excluded.{name}" for name in COLUMNS[2:])
names = ", ".join(COLUMNS)
with engine.begin() as connection:
    for number, chunk in enumerate(chunks):
        if not postgres:
            chunk["bill_id"] = chunk["bill_id"].astype("int64")
        chunk.to_sql("staging", connection, index=False, if_exists="append" if number else "replace", **how)
    connection.execute(
        sa.text(
            f"INSERT INTO usage_data ({names}) SELECT {names} FROM staging WHERE true"
            f" ON CONFLICT (date, bill_id) DO UPDATE SET {update}"
        )
    )
    connection.execute(sa.text("DROP TABLE staging"))
