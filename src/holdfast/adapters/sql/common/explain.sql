-- What explanations read: the way of one row, and what was changed.

-- name: explain_chunk
-- A chunk with the version of the file it stands in now, and the run that committed it.
SELECT c.number, c.load_number, c.file_number, c.ordinal, c.span_start, c.span_end, c.span_hash, c.first_line, c.epoch,
       c.place, c.state, c.way, c.run_id, c.committed_at, f.load_number AS file_load, f.uri, f.version, f.content_hash,
       f.size_bytes, f.modified, f.layout, f.status AS file_status, l.contract
FROM {ops}chunk AS c
JOIN {ops}file AS f ON f.dataset = c.dataset AND f.number = c.file_number
JOIN {ops}load AS l ON l.dataset = c.dataset AND l.number = c.load_number
WHERE c.dataset = :dataset AND c.number = :number

-- name: explain_rejects
-- Rejects whatever became of them, in order of origin; `pattern` is what their raw text must look like.
SELECT r.origin, f.uri, f.version, f.layout, r.line, r.byte_offset, r.code, r.reasons, r.raw, r.status, r.run_id,
       r.rejected_at
FROM {ops}reject AS r
JOIN {ops}file AS f ON f.dataset = r.dataset AND f.number = r.file_number
WHERE r.dataset = :dataset AND r.origin > :after AND r.raw LIKE :pattern
ORDER BY r.origin
LIMIT :most

-- name: explain_row_key
-- A row's key as the history of values knows it.
SELECT {t_row_key} AS row_key FROM {target} AS t WHERE {key_given}

-- name: explain_history
-- What a row was before, in the order in which it was changed.
SELECT origin, column_name, row_key, old_value, new_value, old_origin, partition_key, old_partition, run_id, changed_at
FROM {ops}change WHERE dataset = :dataset AND row_key = :row_key
ORDER BY changed_at, origin, column_name

-- name: changes_page
-- Changes of values in the order of the rows that made them: those after a place, of a run and all later ones, of a
-- column, of a partition (where the row stands or stood), of keys that look like `pattern`.
SELECT origin, column_name, row_key, old_value, new_value, old_origin, partition_key, old_partition, run_id, changed_at
FROM {ops}change
WHERE dataset = :dataset AND origin >= :after AND (origin > :after OR column_name > :after_column)
  AND (:column_name = '' OR column_name = :column_name)
  AND (:partition_key = '' OR partition_key = :partition_key OR old_partition = :partition_key)
  AND row_key LIKE :pattern
  AND (:since = '' OR run_id IN (
      SELECT r.id FROM {ops}run AS r WHERE r.started_at >= (SELECT s.started_at FROM {ops}run AS s WHERE s.id = :since)
  ))
ORDER BY origin, column_name
LIMIT :most

-- name: changes_runs_since
-- A run, and all that began after it.
SELECT r.id FROM {ops}run AS r WHERE r.started_at >= (SELECT s.started_at FROM {ops}run AS s WHERE s.id = :since)
