-- name: ledger_exists
SELECT COUNT(*) AS found FROM pg_catalog.pg_tables WHERE schemaname = 'ops' AND tablename = 'migration'

-- name: ledger_lock
-- One migrator at a time; ends with the transaction, so it is safe behind a transaction pooler. The number is arbitrary.
SELECT pg_advisory_xact_lock(7163501) AS locked

-- name: ledger_schema
CREATE SCHEMA IF NOT EXISTS ops
