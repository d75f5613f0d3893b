-- name: ledger_9_stage_by_run
SELECT 1 AS no_index

-- name: ledger_9_log_by_run
SELECT 1 AS no_index

-- name: ledger_9_log_by_time
SELECT 1 AS no_index
