-- name: create_landing
-- No index: the rows are put in order once, when the load is published.
CREATE TABLE IF NOT EXISTS {landing} AS SELECT {columns} FROM {target} WHERE 1 = 0

-- name: create_landing_plain
CREATE TABLE IF NOT EXISTS {landing} AS SELECT {columns} FROM {target} WHERE 1 = 0

-- name: may_land
SELECT 1 AS may

-- name: let_landed_go
SELECT 1 AS let

-- name: wait_briefly
SELECT 1 AS waiting

-- name: lock_target
-- A write transaction has the file to itself.
SELECT 1 AS locked

-- name: tune_publish
-- Some builds overwrite every page they free with zeros. FAST leaves out pages that would be written for that alone: those of
-- the landing table, whose rows stand in the target.
PRAGMA secure_delete = FAST

-- name: stage_differing
-- Landed rows that the table does not have as they are, each with its fate. Equal rows that no load put there (their
-- _origin is below 0) are among them: they get the _origin of those that say the same.
CREATE TEMPORARY TABLE {staging} AS
SELECT {s_columns},
       CASE WHEN ({match}) IS NULL THEN 'inserted' WHEN ({older}) IS NOT TRUE THEN 'superseded'
            WHEN {differs} THEN 'updated' ELSE 'unchanged' END AS _holdfast_fate
FROM {landing} AS s LEFT JOIN {target} AS t ON {match}
WHERE ({match}) IS NULL OR ({older}) IS NOT TRUE OR {differs} OR t._origin < 0

-- name: stage_all
-- All landed rows, each with its fate.
CREATE TEMPORARY TABLE {staging} AS
SELECT {s_columns},
       CASE WHEN ({match}) IS NULL THEN 'inserted' WHEN ({older}) IS NOT TRUE THEN 'superseded'
            WHEN {differs} THEN 'updated' ELSE 'unchanged' END AS _holdfast_fate
FROM {landing} AS s LEFT JOIN {target} AS t ON {match}

-- name: analyze_landing
SELECT 1 AS analyzed

-- name: prepare_staging
CREATE INDEX {staging_index} ON {staging} ({key})

-- name: fill_target
-- Rows come in the order of (key, sequence, _origin), so a key's last row overwrites those before it. What the table's
-- collation takes for one key may come in another order.
INSERT INTO {target} ({insert_columns}) SELECT {insert_values} FROM {landing} AS s WHERE 1 = 1 ORDER BY {s_fill_order}
{on_repeated_key}

-- name: swap_obstacles
-- A table with its rows in the order of its key is filled in that order; there is nothing to gain by a swap.
SELECT 'rows are kept in the order of the key' AS reason

-- name: table_attachments
SELECT 1 AS stage, '' AS statement WHERE 1 = 0
