-- DuckDB reads the few columns it is asked for from end to end quicker than it keeps an index; and a row with an indexed
-- column changed is written anew. So the ledger has its primary keys and no index besides.

-- name: ledger_exists
SELECT COUNT(*) AS found FROM duckdb_tables()
WHERE database_name = current_database() AND schema_name = 'ops' AND table_name = 'migration'

-- name: ledger_lock
-- One migrator at a time. Write transactions exclude each other already.
SELECT 1 AS locked

-- name: ledger_schema
CREATE SCHEMA IF NOT EXISTS ops

-- name: ledger_1_file_by_content
SELECT 1 AS no_index

-- name: ledger_1_chunk_unfinished
SELECT 1 AS no_index

-- name: ledger_1_chunk_by_load
SELECT 1 AS no_index

-- name: ledger_1_chunk_by_file
SELECT 1 AS no_index

-- name: ledger_6_change_by_key
SELECT 1 AS no_index

-- name: ledger_8_check_result_by_name
SELECT 1 AS no_index
