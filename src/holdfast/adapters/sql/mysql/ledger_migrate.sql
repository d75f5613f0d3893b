-- name: ledger_exists
SELECT COUNT(*) AS found FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = 'ops_migration'

-- name: ledger_lock
-- One migrator at a time. A named lock outlives the commits of DDL; it ends with the transaction.
SELECT GET_LOCK('holdfast ledger ' || SHA1(DATABASE()), 31536000) AS locked

-- name: ledger_schema
SELECT 1 AS present
