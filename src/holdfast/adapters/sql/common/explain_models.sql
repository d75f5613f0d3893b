-- What stands behind a partition of a model: which files, chunks and runs changed its inputs, and how many rows.

-- name: explain_touches
-- The window is that of models/partitions.py; the newest first. `put_together`: how many old touches `ops prune` made one.
SELECT t.dataset, t.chunk, t.run_id, f.uri, f.version, r.command, SUM(t.rows_inserted) AS rows_inserted,
       SUM(t.rows_updated) AS rows_updated, SUM(t.rows_removed) AS rows_removed, MAX(t.touched_at) AS touched_at,
       SUM(CASE WHEN t.touches > 1 THEN t.touches ELSE 0 END) AS put_together
FROM {ops}touch AS t
LEFT JOIN {ops}chunk AS c ON c.dataset = t.dataset AND c.number = t.chunk
LEFT JOIN {ops}file AS f ON f.dataset = c.dataset AND f.number = c.file_number
LEFT JOIN {ops}run AS r ON r.id = t.run_id
WHERE t.relation = :relation
  AND (t.partition_key >= :key_first AND t.partition_key <= :key_last
       OR t.partition_key IN (:around_0, :around_1, :around_2))
GROUP BY t.dataset, t.chunk, t.run_id, f.uri, f.version, r.command
ORDER BY MAX(t.touched_at) DESC, t.chunk DESC
LIMIT :most

-- name: explain_touch_totals
SELECT COUNT(DISTINCT t.chunk) AS chunks, COUNT(DISTINCT c.file_number) AS files, COUNT(DISTINCT t.run_id) AS runs,
       COUNT(DISTINCT t.partition_key) AS partitions, COALESCE(SUM(t.rows_inserted), 0) AS rows_inserted,
       COALESCE(SUM(t.rows_updated), 0) AS rows_updated, COALESCE(SUM(t.rows_removed), 0) AS rows_removed
FROM {ops}touch AS t
LEFT JOIN {ops}chunk AS c ON c.dataset = t.dataset AND c.number = t.chunk
WHERE t.relation = :relation
  AND (t.partition_key >= :key_first AND t.partition_key <= :key_last
       OR t.partition_key IN (:around_0, :around_1, :around_2))

-- name: explain_touches_newest
-- The latest changes one by one: as many as came after a build are what it has not seen.
SELECT t.dataset, t.chunk, t.run_id, f.uri, f.version, r.command, t.rows_inserted, t.rows_updated, t.rows_removed,
       t.touched_at, CASE WHEN t.touches > 1 THEN t.touches ELSE 0 END AS put_together
FROM {ops}touch AS t
LEFT JOIN {ops}chunk AS c ON c.dataset = t.dataset AND c.number = t.chunk
LEFT JOIN {ops}file AS f ON f.dataset = c.dataset AND f.number = c.file_number
LEFT JOIN {ops}run AS r ON r.id = t.run_id
WHERE t.relation = :relation
  AND (t.partition_key >= :key_first AND t.partition_key <= :key_last
       OR t.partition_key IN (:around_0, :around_1, :around_2))
ORDER BY t.touched_at DESC, t.touch_id DESC
LIMIT :most
