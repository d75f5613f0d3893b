-- Publishing a load whose rows wait in a landing table. The target is locked against writers by then, so what a row's fate
-- is found to be stays true until the commit.

-- name: drop_landing
DROP TABLE IF EXISTS {landing}

-- name: chunks_let_go
-- Chunks that landed before a newer version of their file came, which does not have their bytes.
SELECT number FROM {ops}chunk
WHERE dataset = :dataset AND load_number = :load_number AND state = 'dropped' AND way = 'landing' ORDER BY number

-- name: chunks_start_over
-- Landed chunks are loaded again: the load could not be published as it landed.
UPDATE {ops}chunk
SET state = 'ready', worker = NULL, way = NULL, committed_at = NULL, blank_lines = 0, comment_lines = 0, rows_read = 0,
    rows_inserted = 0, rows_updated = 0, rows_unchanged = 0, rows_superseded = 0, rows_rejected = 0
WHERE dataset = :dataset AND load_number = :load_number AND state = 'landed'

-- name: rejects_forget
DELETE FROM {ops}reject WHERE dataset = :dataset AND origin >= :origin_start AND origin < :origin_end

-- name: drop_beaten
-- Rows of the merge that another row of the load, with the same key, outranks. The landing table has no index, so it is
-- read once and the staging table is asked.
DELETE FROM {staging} WHERE _origin IN (
    SELECT s._origin FROM {landing} AS l CROSS JOIN {staging} AS s WHERE {match_landed} AND {beaten}
)

-- name: staged_fates
-- What becomes of the staged rows, chunk by chunk (an origin begins with its chunk's number).
SELECT _origin >> 24 AS chunk, _holdfast_fate AS fate, COUNT(*) AS row_count FROM {staging} GROUP BY _origin >> 24, _holdfast_fate

-- name: insert_staged
-- In key order, so that the index is filled from one side.
INSERT INTO {target} ({insert_columns}) SELECT {insert_values} FROM {staging} AS s WHERE s._holdfast_fate = 'inserted' ORDER BY {s_key}

-- name: update_staged
UPDATE {target} AS t SET {assign} FROM {staging} AS s WHERE {match} AND s._holdfast_fate = 'updated'

-- name: advance_staged
-- Equal rows take the place of the older ones, where a chunk may yet come between the two (see advance_unchanged).
UPDATE {target} AS t SET {assign_origin} FROM {staging} AS s WHERE {match} AND s._holdfast_fate = 'unchanged'

-- name: dedupe_landing
-- Leaves the greatest (sequence, _origin) of every key. Keys met once, nearly all, are not ranked.
DELETE FROM {landing} WHERE _origin IN (
    SELECT _origin FROM (
        SELECT s._origin, ROW_NUMBER() OVER (PARTITION BY {s_key} ORDER BY {s_rank_descending}) AS place
        FROM {landing} AS s JOIN (SELECT {key} FROM {landing} GROUP BY {key} HAVING COUNT(*) > 1) AS r ON {match_repeated}
    ) AS ranked
    WHERE place > 1
)

-- name: rows_by_chunk
SELECT d.chunk, {d_partition} AS new_partition, SUM(d.row_count) AS row_count
FROM (SELECT _origin >> 24 AS chunk, {partition_column} AS part, COUNT(*) AS row_count FROM {target} GROUP BY 1, 2) AS d
GROUP BY 1, 2

-- name: fill_target
-- Landed rows into an empty or keyless table, in the order of its index. Where an engine can let the last of several rows
-- with one key win in the same pass, it does.
INSERT INTO {target} ({insert_columns}) SELECT {insert_values} FROM {landing} AS s ORDER BY {s_order}

-- name: drop_target
DROP TABLE {target}

-- name: rename_landing
ALTER TABLE {landing} RENAME TO {target_name}
