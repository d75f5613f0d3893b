-- What checks read and write of the ledger, and the checks of the ledger itself.

-- name: check_touches
SELECT partition_key, SUM(touches) AS touches, SUM(hash) AS hash FROM {ops}touch
WHERE relation = :relation GROUP BY partition_key

-- name: check_partitions
SELECT partition_key, fingerprint, table_rows, failing, lowest, highest, found_lines FROM {ops}check_partition
WHERE check_id = :check_id

-- name: check_partitions_clear
DELETE FROM {ops}check_partition WHERE check_id = :check_id

-- name: check_partitions_forget
-- Those of the check as it was declared before.
DELETE FROM {ops}check_partition WHERE dataset = :dataset AND check_name = :check_name AND check_id <> :check_id

-- name: check_result_add
INSERT INTO {ops}check_result
    (id, dataset, check_name, kind, severity, status, failing, expected, found, sample, sql_hash, fingerprint,
     partitions_read, run_id, checked_at, duration_ms)
VALUES
    (:id, :dataset, :check_name, :kind, :severity, :outcome, :failing, :expected, :found, :sample, :sql_hash, :fingerprint,
     :partitions_read, :run_id, {now}, :duration_ms)

-- name: check_result_standing
-- The newest answer to the same question about the same touches.
SELECT failing, expected, found, sample, status FROM {ops}check_result
WHERE dataset = :dataset AND check_name = :check_name AND sql_hash = :sql_hash AND fingerprint = :fingerprint
  AND status IN ('passed', 'warned', 'failed')
ORDER BY checked_at DESC, id DESC LIMIT 1

-- name: check_history
SELECT id, dataset, check_name, kind, severity, status, failing, expected, found, sample, sql_hash, partitions_read,
       run_id, checked_at, duration_ms
FROM {ops}check_result WHERE dataset = :dataset ORDER BY checked_at DESC, id DESC LIMIT :most

-- name: check_rows_fates
-- P3 over all chunks that were written, whatever became of their files.
SELECT c.number AS chunk, f.uri AS file, c.rows_read,
       c.rows_inserted + c.rows_updated + c.rows_unchanged + c.rows_superseded + c.rows_rejected AS rows_with_a_fate
FROM {ops}chunk AS c LEFT JOIN {ops}file AS f ON f.dataset = c.dataset AND f.number = c.file_number
WHERE c.dataset = :dataset AND c.state = 'done'
  AND c.rows_read <> c.rows_inserted + c.rows_updated + c.rows_unchanged + c.rows_superseded + c.rows_rejected

-- name: check_file_spans
-- One row a current file: where its chunks begin and end, how many places there are where one does not begin where the one
-- before it ends, and how many are not written.
SELECT f.number, f.uri, f.version, f.layout, COUNT(s.number) AS chunks, MIN(s.span_start) AS first_start,
       MAX(s.span_end) AS last_end,
       COALESCE(SUM(CASE WHEN s.previous_end <> s.span_start THEN 1 ELSE 0 END), 0) AS breaks,
       COALESCE(SUM(CASE WHEN s.state <> 'done' THEN 1 ELSE 0 END), 0) AS unfinished
FROM {ops}file AS f
LEFT JOIN (
    SELECT c.file_number, c.number, c.span_start, c.span_end, c.state,
           LAG(c.span_end) OVER (PARTITION BY c.file_number ORDER BY c.ordinal) AS previous_end
    FROM {ops}chunk AS c WHERE c.dataset = :dataset AND c.state <> 'dropped'
) AS s ON s.file_number = f.number
WHERE f.dataset = :dataset AND f.status = 'current'
GROUP BY f.number, f.uri, f.version, f.layout
ORDER BY f.number

-- name: check_table_count
-- Rows of the table and of the ledger, in one statement. Those that a person put there before any load have the _origin -1.
SELECT c.loaded_rows, c.ledger_rows FROM (
    SELECT (SELECT COUNT(*) FROM {target} WHERE "_origin" >= 0) AS loaded_rows,
           (SELECT COALESCE(SUM(rows_inserted), 0) FROM {ops}chunk WHERE dataset = :dataset AND state = 'done') AS ledger_rows
) AS c
WHERE c.loaded_rows <> c.ledger_rows

-- name: check_rows_written
-- Where there is no table: the rows it should have.
SELECT COALESCE(SUM(rows_inserted), 0) AS ledger_rows FROM {ops}chunk WHERE dataset = :dataset AND state = 'done'

-- name: check_files_rows
-- Rows that the table has of each current file, where they are not as many as the ledger says. Of a table with a key, rows
-- go over from one file to another: there no more can be told than how many there may be at most.
SELECT f.uri AS file, f.version, l.rows_written, COALESCE(g.table_rows, 0) AS table_rows
FROM {ops}file AS f
JOIN (
    SELECT file_number,
           SUM(CASE WHEN :keyed = 1 THEN rows_inserted + rows_updated + rows_unchanged ELSE rows_inserted END) AS rows_written
    FROM {ops}chunk WHERE dataset = :dataset AND state = 'done' GROUP BY file_number
) AS l ON l.file_number = f.number
LEFT JOIN (
    SELECT c.file_number, SUM(o.table_rows) AS table_rows
    FROM (SELECT "_origin" >> 24 AS chunk, COUNT(*) AS table_rows FROM {target} GROUP BY 1) AS o
    JOIN {ops}chunk AS c ON c.number = o.chunk AND c.dataset = :dataset
    GROUP BY c.file_number
) AS g ON g.file_number = f.number
WHERE f.dataset = :dataset AND f.status = 'current'
  AND (COALESCE(g.table_rows, 0) > l.rows_written OR (:keyed = 0 AND COALESCE(g.table_rows, 0) <> l.rows_written))

-- name: check_reject_shares
-- Current files whose share of rejects is above the limit, which is in hundredths of a percent.
SELECT s.uri AS file, s.version, s.rows_read, s.rows_rejected FROM (
    SELECT f.uri, f.version, f.number, SUM(c.rows_read) AS rows_read, SUM(c.rows_rejected) AS rows_rejected
    FROM {ops}file AS f
    JOIN {ops}chunk AS c ON c.dataset = f.dataset AND c.file_number = f.number AND c.state = 'done'
    WHERE f.dataset = :dataset AND f.status = 'current'
    GROUP BY f.uri, f.version, f.number
) AS s
WHERE s.rows_rejected * 10000 > s.rows_read * :hundredths
