-- What really changed: which partitions of which table (touch), and which values an upsert replaced (change).

-- name: ledger_6_touch
-- Insert-only, one row a transaction and partition. That some were added since is told by SUM(touches) and SUM(hash); old
-- rows may be made one with these sums. A hash is small enough for millions of them to be added.
CREATE TABLE {ops}touch (
    relation VARCHAR(255) NOT NULL,
    partition_key VARCHAR(10) NOT NULL,
    touch_id VARCHAR(32) NOT NULL,
    touches INTEGER NOT NULL,
    hash BIGINT NOT NULL,
    dataset VARCHAR(63),
    chunk BIGINT,
    run_id VARCHAR(26) NOT NULL,
    rows_inserted BIGINT NOT NULL,
    rows_updated BIGINT NOT NULL,
    rows_removed BIGINT NOT NULL,
    touched_at {timestamp} NOT NULL,
    PRIMARY KEY (relation, partition_key, touch_id)
)

-- name: ledger_6_change
-- A row of a table takes the place of another once, so its origin and a column name one change.
CREATE TABLE {ops}change (
    dataset VARCHAR(63) NOT NULL,
    origin BIGINT NOT NULL,
    column_name VARCHAR(63) NOT NULL,
    row_key TEXT NOT NULL,
    old_value TEXT,
    new_value TEXT,
    old_origin BIGINT NOT NULL,
    partition_key VARCHAR(10) NOT NULL,
    old_partition VARCHAR(10) NOT NULL,
    run_id VARCHAR(26) NOT NULL,
    changed_at {timestamp} NOT NULL,
    PRIMARY KEY (dataset, origin, column_name)
)

-- name: ledger_6_change_by_key
-- "What was this row before?"
CREATE INDEX {ops_index}change_by_key ON {ops}change (dataset, row_key)

-- name: touch_add
INSERT INTO {ops}touch
    (relation, partition_key, touch_id, touches, hash, dataset, chunk, run_id, rows_inserted, rows_updated, rows_removed, touched_at)
VALUES
    (:relation, :partition_key, :touch_id, :touches, :hash, :dataset, :chunk, :run_id, :rows_inserted, :rows_updated,
     :rows_removed, {now})

-- name: touch_now
SELECT {now} AS now

-- name: touches_publish
-- What landed is in the table now.
UPDATE {ops}touch SET relation = :relation, touched_at = {now} WHERE relation = :waiting

-- name: touches_let_go
-- A chunk that landed and is not published: see chunks_let_go.
DELETE FROM {ops}touch WHERE relation = :waiting AND chunk = :chunk

-- name: touches_forget
DELETE FROM {ops}touch WHERE relation = :waiting

-- name: differing_by_partition
-- Rows of the table that a chunk's rows are about to replace by other values: where they stand, and where they will stand.
SELECT {t_partition} AS old_partition, {s_partition} AS new_partition, COUNT(*) AS row_count
FROM {target} AS t JOIN {staging} AS s ON {match} WHERE {older} AND ({differs}) GROUP BY 1, 2

-- name: inserted_by_partition
-- Staged rows that the merge has just inserted, before it updates any.
SELECT {s_partition} AS new_partition, COUNT(*) AS row_count
FROM {target} AS t JOIN {staging} AS s ON {match} WHERE t._origin = s._origin GROUP BY 1

-- name: written_by_partition
-- Landed rows that are about to be written, by the chunk they came in.
SELECT s._origin >> 24 AS chunk, s._holdfast_fate AS fate, {t_partition} AS old_partition, {s_partition} AS new_partition,
       COUNT(*) AS row_count
FROM {staging} AS s LEFT JOIN {target} AS t ON {match}
WHERE s._holdfast_fate IN ('inserted', 'updated') GROUP BY 1, 2, 3, 4

-- name: origins_by_partition
-- Rows that are about to be taken out.
SELECT {d_partition} AS old_partition, SUM(d.row_count) AS row_count
FROM (
    SELECT {partition_column} AS part, COUNT(*) AS row_count FROM {target}
    WHERE _origin >= :origin_start AND _origin < :origin_end GROUP BY 1
) AS d
GROUP BY 1

-- name: all_by_partition
SELECT {d_partition} AS old_partition, SUM(d.row_count) AS row_count
FROM (SELECT {partition_column} AS part, COUNT(*) AS row_count FROM {target} GROUP BY 1) AS d
GROUP BY 1

-- name: history_add
-- Every value that a chunk's rows are about to replace by another.
INSERT INTO {ops}change
    (dataset, origin, column_name, row_key, old_value, new_value, old_origin, partition_key, old_partition, run_id, changed_at)
SELECT CAST(:dataset AS {text}), s._origin, c.column_name, {s_row_key}, {t_value}, {s_value}, t._origin, {s_partition},
       {t_partition}, CAST(:run_id AS {text}), {now}
FROM {target} AS t JOIN {staging} AS s ON {match} CROSS JOIN ({value_columns}) AS c
WHERE {older} AND ({differs}) AND {value_differs}

-- name: history_add_landed
INSERT INTO {ops}change
    (dataset, origin, column_name, row_key, old_value, new_value, old_origin, partition_key, old_partition, run_id, changed_at)
SELECT CAST(:dataset AS {text}), s._origin, c.column_name, {s_row_key}, {t_value}, {s_value}, t._origin, {s_partition},
       {t_partition}, CAST(:run_id AS {text}), {now}
FROM {target} AS t JOIN {staging} AS s ON {match} CROSS JOIN ({value_columns}) AS c
WHERE s._holdfast_fate = 'updated' AND {value_differs}
