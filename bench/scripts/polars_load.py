"""Loads the usage file with polars: read whole, written by ADBC, then upserted. Runs in polars' environment.

python polars_load.py FILE URL
"""

import sys

import adbc_driver_postgresql.dbapi as adbc
import polars as pl

file, url = sys.argv[1:3]
TYPES = {
    "Date": pl.Date,
    "Bill_ID": pl.Int64,
    "Currency": pl.String,
    "Name": pl.String,
    "Product1_revenue": pl.Decimal(15, 2),
    "Product2_revenue": pl.Decimal(15, 2),
}
rows = pl.read_csv(file, schema=TYPES).rename(str.lower)
rows.write_database("staging", url, engine="adbc", if_table_exists="replace")
names = ", ".join(rows.columns)
values = ", ".join(f"{name}::numeric" if "revenue" in name else name for name in rows.columns)
update = ", ".join(f"{name} = excluded.{name}" for name in rows.columns[2:])
with adbc.connect(url) as connection, connection.cursor() as cursor:
    cursor.execute(
        f"INSERT INTO usage_data ({names}) SELECT {values} FROM staging"
        f" ON CONFLICT (date, bill_id) DO UPDATE SET {update}"
    )
    cursor.execute("DROP TABLE staging")
    connection.commit()
