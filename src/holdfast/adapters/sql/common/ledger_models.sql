-- What is built of which model: the state of every partition, and what its inputs were when it was built.

-- name: ledger_7_model_partition
-- `fingerprint` is JSON: the hash of the SQL and, for each input, how many touches there were and the sum of their hashes.
-- It is NULL until the partition is built, and where it is to be built again whatever its inputs say. `stages`: JSON,
-- seconds by stage.
CREATE TABLE {ops}model_partition (
    model VARCHAR(127) NOT NULL,
    partition_key VARCHAR(10) NOT NULL,
    status VARCHAR(8) NOT NULL CHECK (status IN ('pending', 'running', 'done', 'failed')),
    fingerprint TEXT,
    sql_hash VARCHAR(64),
    "rows" BIGINT DEFAULT 0 NOT NULL,
    rows_changed BIGINT DEFAULT 0 NOT NULL,
    first_built_at {timestamp},
    started_at {timestamp},
    built_at {timestamp},
    run_id VARCHAR(26),
    reason TEXT,
    error TEXT,
    stages TEXT,
    PRIMARY KEY (model, partition_key)
)

-- name: model_states
SELECT partition_key, status, fingerprint, sql_hash, "rows", rows_changed, first_built_at, started_at, built_at, run_id,
       reason, error, stages
FROM {ops}model_partition WHERE model = :model ORDER BY partition_key

-- name: model_state_lock
-- Whoever builds the partition holds this row to the transaction's end.
SELECT status, fingerprint FROM {ops}model_partition
WHERE model = :model AND partition_key = :partition_key {for_update}

-- name: model_state_add
INSERT INTO {ops}model_partition (model, partition_key, status)
VALUES (:model, :partition_key, 'pending')
ON CONFLICT (model, partition_key) DO NOTHING

-- name: model_state_running
UPDATE {ops}model_partition SET status = 'running', run_id = :run_id, reason = :reason, error = NULL, started_at = {now}
WHERE model = :model AND partition_key = :partition_key

-- name: model_state_done
UPDATE {ops}model_partition
SET status = 'done', fingerprint = :fingerprint, sql_hash = :sql_hash, "rows" = :row_count, rows_changed = :rows_changed,
    first_built_at = COALESCE(first_built_at, {now}), built_at = {now}, run_id = :run_id, error = NULL, stages = :stages
WHERE model = :model AND partition_key = :partition_key

-- name: model_state_current
-- Another builder was here meanwhile, or a builder died after its commit: what is built is as its inputs are.
UPDATE {ops}model_partition SET status = 'done', error = NULL
WHERE model = :model AND partition_key = :partition_key AND status <> 'done'

-- name: model_state_failed
UPDATE {ops}model_partition SET status = 'failed', error = :error, run_id = :run_id
WHERE model = :model AND partition_key = :partition_key

-- name: model_state_reset
UPDATE {ops}model_partition SET fingerprint = NULL, status = 'pending'
WHERE model = :model AND partition_key = :partition_key

-- name: model_states_drop
DELETE FROM {ops}model_partition WHERE model = :model

-- name: model_touches
-- What changed of a relation, by partition. The sums stay what they are when touches are put together.
SELECT partition_key, SUM(touches) AS touches, SUM(hash) AS hash
FROM {ops}touch WHERE relation = :relation GROUP BY partition_key

-- name: model_touches_whole
SELECT COALESCE(SUM(touches), 0) AS touches, COALESCE(SUM(hash), 0) AS hash FROM {ops}touch WHERE relation = :relation

-- name: model_touches_within
-- See models/partitions.py, Window.
SELECT COALESCE(SUM(touches), 0) AS touches, COALESCE(SUM(hash), 0) AS hash
FROM {ops}touch
WHERE relation = :relation
  AND (partition_key >= :key_first AND partition_key <= :key_last OR partition_key IN (:around_0, :around_1, :around_2))

-- name: model_touches_newest
SELECT t.partition_key, t.touches, t.dataset, t.chunk, t.run_id, t.rows_inserted, t.rows_updated, t.rows_removed, f.uri
FROM {ops}touch AS t
LEFT JOIN {ops}chunk AS c ON c.dataset = t.dataset AND c.number = t.chunk
LEFT JOIN {ops}file AS f ON f.dataset = c.dataset AND f.number = c.file_number
WHERE t.relation = :relation
  AND (t.partition_key >= :key_first AND t.partition_key <= :key_last
       OR t.partition_key IN (:around_0, :around_1, :around_2))
ORDER BY t.touched_at DESC, t.touch_id DESC LIMIT :most
