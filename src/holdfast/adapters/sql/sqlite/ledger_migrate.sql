-- name: ledger_exists
SELECT COUNT(*) AS found FROM sqlite_master WHERE type = 'table' AND name = 'ops_migration'

-- name: ledger_lock
-- One migrator at a time. SQLite's write transactions exclude each other already.
SELECT 1 AS locked

-- name: ledger_schema
SELECT 1 AS present

