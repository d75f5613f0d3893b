-- What goes out of the ledger when it is old enough, slice by slice: a transaction that deletes for minutes would stop loads.

-- name: prune_cutoff
SELECT {ago:older_s} AS cutoff

-- name: prune_log_slice
-- The oldest lines, `most` of them: how many there are, and the latest moment among them.
SELECT COUNT(*) AS row_count, MAX(x.moment) AS slice_end
FROM (SELECT logged_at AS moment FROM {ops}log WHERE logged_at < :cutoff ORDER BY logged_at LIMIT :most) AS x

-- name: prune_log
DELETE FROM {ops}log WHERE logged_at <= :slice_end

-- name: prune_stage_slice
SELECT COUNT(*) AS row_count, MAX(x.moment) AS slice_end
FROM (SELECT start_time AS moment FROM {ops}stage WHERE start_time < :cutoff AND stage <> 'prune.history'
      ORDER BY start_time LIMIT :most) AS x

-- name: prune_stage
DELETE FROM {ops}stage WHERE start_time <= :slice_end AND stage <> 'prune.history'

-- name: history_pruned_forget
DELETE FROM {ops}stage WHERE stage = 'prune.history'

-- name: history_pruned
-- Up to which moment the history of values was taken out.
SELECT checkpoint_value AS pruned_before FROM {ops}stage WHERE stage = 'prune.history' ORDER BY start_time DESC LIMIT 1

-- name: prune_change_slice
SELECT COUNT(*) AS row_count, MAX(x.moment) AS slice_end
FROM (SELECT changed_at AS moment FROM {ops}change WHERE changed_at < :cutoff ORDER BY changed_at LIMIT :most) AS x

-- name: prune_change
DELETE FROM {ops}change WHERE changed_at <= :slice_end

-- name: prune_check_result_slice
SELECT COUNT(*) AS row_count, MAX(x.moment) AS slice_end
FROM (SELECT checked_at AS moment FROM {ops}check_result WHERE checked_at < :cutoff ORDER BY checked_at LIMIT :most) AS x

-- name: prune_check_result
DELETE FROM {ops}check_result WHERE checked_at <= :slice_end

-- name: touches_old
-- Partitions with more than one old touch. What landed and waits to be published is left as it is.
SELECT relation, partition_key, COUNT(*) AS row_count
FROM {ops}touch
WHERE touched_at < :cutoff AND POSITION('#' IN relation) = 0
GROUP BY relation, partition_key
HAVING COUNT(*) > 1
ORDER BY relation, partition_key

-- name: touches_lock_old
-- Locked: two who put the same touches together would count them twice.
SELECT touch_id, touches, hash, dataset, run_id, rows_inserted, rows_updated, rows_removed, touched_at
FROM {ops}touch
WHERE relation = :relation AND partition_key = :partition_key AND touched_at < :cutoff
ORDER BY touch_id
{for_update}

-- name: touch_drop
DELETE FROM {ops}touch WHERE relation = :relation AND partition_key = :partition_key AND touch_id = :touch_id

-- name: touch_add_sum
INSERT INTO {ops}touch
    (relation, partition_key, touch_id, touches, hash, dataset, chunk, run_id, rows_inserted, rows_updated, rows_removed, touched_at)
VALUES
    (:relation, :partition_key, :touch_id, :touches, :hash, :dataset, NULL, :run_id, :inserted, :updated, :removed, :touched_at)
