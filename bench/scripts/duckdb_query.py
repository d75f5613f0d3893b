"""Runs one statement on a DuckDB file and prints the first row of its result. Runs in DuckDB's environment.

python duckdb_query.py FILE STATEMENT
"""

import sys

import duckdb

file, statement = sys.argv[1:3]
found = duckdb.connect(file).execute(statement).fetchone()
print(*(found or ()))
