-- name: run_start
INSERT INTO {ops}run (id, dataset, command, run_key, host, pid, place, process_start, status, started_at)
VALUES (:run_id, :dataset, :command, :run_key, :host, :pid, :place, :process_start, 'running', {now})

-- name: run_end
UPDATE {ops}run SET status = :status, exit_code = :exit_code, error = :error, ended_at = {now} WHERE id = :run_id

-- name: run_of_key
SELECT id, status FROM {ops}run WHERE dataset = :dataset AND run_key = :run_key AND status = 'done'
ORDER BY started_at DESC LIMIT 1

-- name: run_counts
-- What one run did, from the chunks it committed. An extraction that told nothing new is met, but no file.
SELECT COUNT(*) AS chunks,
       COALESCE(SUM(rows_read), 0) AS rows_read, COALESCE(SUM(rows_inserted), 0) AS rows_inserted,
       COALESCE(SUM(rows_updated), 0) AS rows_updated, COALESCE(SUM(rows_unchanged), 0) AS rows_unchanged,
       COALESCE(SUM(rows_superseded), 0) AS rows_superseded, COALESCE(SUM(rows_rejected), 0) AS rows_rejected,
       COALESCE(SUM(CASE WHEN way = 'direct' THEN 1 ELSE 0 END), 0) AS direct,
       COALESCE(SUM(CASE WHEN way = 'merge' THEN 1 ELSE 0 END), 0) AS merge,
       COALESCE(SUM(CASE WHEN way = 'landing' THEN 1 ELSE 0 END), 0) AS landing,
       COUNT(DISTINCT CASE WHEN place IS NULL OR rows_read > 0 THEN file_number END) AS files,
       COUNT(DISTINCT file_number) AS files_met
FROM {ops}chunk WHERE dataset = :dataset AND run_id = :run_id AND state = 'done'

-- name: run_removed
-- Rows of replaced file versions, or of a replaced table, that the loads this run ended took out.
SELECT COALESCE(SUM(rows_removed), 0) AS removed FROM {ops}load WHERE dataset = :dataset AND ended_by = :run_id

-- name: runs_recent
SELECT id, dataset, command, run_key, host, pid, status, exit_code, error, started_at, ended_at
FROM {ops}run ORDER BY started_at DESC, id DESC LIMIT :most

-- name: run_get
SELECT id, dataset, command, run_key, host, pid, status, exit_code, error, started_at, ended_at
FROM {ops}run WHERE id = :run_id

-- name: progress
SELECT COALESCE(SUM(span_end - span_start), 0) AS bytes_total,
       COALESCE(SUM(CASE WHEN state IN ('done', 'landed') THEN span_end - span_start ELSE 0 END), 0) AS bytes_done,
       COALESCE(SUM(CASE WHEN state IN ('done', 'landed') THEN rows_read ELSE 0 END), 0) AS rows_done,
       COALESCE(SUM(CASE WHEN state IN ('done', 'landed') THEN 1 ELSE 0 END), 0) AS chunks_done,
       COALESCE(SUM(CASE WHEN state = 'landed' THEN 1 ELSE 0 END), 0) AS chunks_landed,
       COALESCE(SUM(CASE WHEN state = 'failed' THEN 1 ELSE 0 END), 0) AS chunks_failed,
       COUNT(*) AS chunks_total
FROM {ops}chunk
WHERE dataset = :dataset AND state <> 'dropped' AND load_number BETWEEN :first AND :last

-- name: status_datasets
SELECT d.name AS dataset, d.table_name,
       (SELECT COUNT(*) FROM {ops}file AS f WHERE f.dataset = d.name AND f.status = 'current') AS files,
       COALESCE(SUM(CASE WHEN c.state <> 'dropped' THEN 1 ELSE 0 END), 0) AS chunks,
       COALESCE(SUM(CASE WHEN c.state = 'done' THEN 1 ELSE 0 END), 0) AS done,
       COALESCE(SUM(CASE WHEN c.state = 'ready' THEN 1 ELSE 0 END), 0) AS ready,
       COALESCE(SUM(CASE WHEN c.state = 'claimed' THEN 1 ELSE 0 END), 0) AS claimed,
       COALESCE(SUM(CASE WHEN c.state = 'landed' THEN 1 ELSE 0 END), 0) AS landed,
       COALESCE(SUM(CASE WHEN c.state = 'failed' THEN 1 ELSE 0 END), 0) AS failed,
       COALESCE(SUM(CASE WHEN c.state = 'done' THEN c.rows_read ELSE 0 END), 0) AS rows_read,
       COALESCE(SUM(CASE WHEN c.state = 'done' THEN c.rows_inserted ELSE 0 END), 0) AS rows_inserted,
       COALESCE(SUM(CASE WHEN c.state = 'done' THEN c.rows_updated ELSE 0 END), 0) AS rows_updated,
       COALESCE(SUM(CASE WHEN c.state = 'done' THEN c.rows_unchanged ELSE 0 END), 0) AS rows_unchanged,
       COALESCE(SUM(CASE WHEN c.state = 'done' THEN c.rows_superseded ELSE 0 END), 0) AS rows_superseded,
       COALESCE(SUM(CASE WHEN c.state = 'done' THEN c.rows_rejected ELSE 0 END), 0) AS rows_rejected,
       (SELECT COUNT(*) FROM {ops}reject AS r WHERE r.dataset = d.name AND r.status = 'open') AS rejects_open,
       MAX(c.committed_at) AS last_commit
FROM {ops}dataset AS d
LEFT JOIN {ops}chunk AS c ON c.dataset = d.name
GROUP BY d.name, d.table_name
ORDER BY d.name

-- name: chunks_list
SELECT c.number, c.load_number, f.uri, f.version, c.ordinal, c.span_start, c.span_end, c.span_hash, c.first_line, c.state,
       c.epoch, c.worker, c.attempts, c.crashes, c.run_id, c.way, c.rows_read, c.rows_inserted, c.rows_updated,
       c.rows_unchanged, c.rows_superseded, c.rows_rejected, c.blank_lines, c.comment_lines, c.started_at, c.committed_at,
       c.place, c.error
FROM {ops}chunk AS c
JOIN {ops}file AS f ON f.dataset = c.dataset AND f.number = c.file_number
WHERE c.dataset = :dataset
ORDER BY c.number

-- name: reject_codes
SELECT code, COUNT(*) AS rejects FROM {ops}reject
WHERE dataset = :dataset AND status = :status GROUP BY code ORDER BY rejects DESC, code

-- name: rejects_list
SELECT r.origin, f.uri, f.version, r.line, r.byte_offset, r.byte_length, r.code, r.reasons, r.raw, r.status, r.run_id,
       r.rejected_at
FROM {ops}reject AS r
JOIN {ops}file AS f ON f.dataset = r.dataset AND f.number = r.file_number
WHERE r.dataset = :dataset AND r.status = :status AND r.origin > :after AND (:code = '' OR r.code = :code)
ORDER BY r.origin
LIMIT :most

-- name: reject_get
SELECT r.origin, f.uri, f.version, r.line, r.byte_offset, r.byte_length, r.code, r.reasons, r.raw, r.status, r.run_id,
       r.rejected_at
FROM {ops}reject AS r
JOIN {ops}file AS f ON f.dataset = r.dataset AND f.number = r.file_number
WHERE r.dataset = :dataset AND r.origin = :origin

-- name: reject_lock
SELECT origin, file_number, line, byte_offset, raw, status FROM {ops}reject
WHERE dataset = :dataset AND origin = :origin {for_update}

-- name: reject_replayed
UPDATE {ops}reject SET status = 'replayed', mended = :mended WHERE dataset = :dataset AND origin = :origin

-- name: reject_reasons
UPDATE {ops}reject SET code = :code, reasons = :reasons WHERE dataset = :dataset AND origin = :origin

-- name: chunks_failed
SELECT number, error FROM {ops}chunk
WHERE dataset = :dataset AND load_number <= :load_max AND state = 'failed' ORDER BY number

-- name: chunk_replayed
-- Rejected rows of a chunk that were mended: their fate changes, the sum of fates does not.
UPDATE {ops}chunk
SET rows_rejected = rows_rejected - :mended,
    rows_inserted = rows_inserted + :inserted,
    rows_updated = rows_updated + :updated,
    rows_unchanged = rows_unchanged + :unchanged,
    rows_superseded = rows_superseded + :superseded
WHERE dataset = :dataset AND number = :number AND state = 'done'

-- name: chunk_state
SELECT state FROM {ops}chunk WHERE dataset = :dataset AND number = :number {for_update}
