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
-- LOCK TABLES would commit. Whoever publishes holds the dataset's row, and writers of its chunks ask for it: see lock_chunk.
SELECT 1 AS locked

-- name: tune_publish
SELECT 1 AS tuned

-- name: stage_differing
-- Landed rows that the table does not have as they are, each with its fate. Equal rows that no load put there (their
-- _origin is below 0) are among them: they get the _origin of those that say the same.
-- A temporary table outlives its transaction here, and takes no index afterwards without a commit.
DROP TEMPORARY TABLE IF EXISTS {staging};
CREATE TEMPORARY TABLE {staging} (INDEX {staging_index} ({key})) AS
SELECT {s_columns},
       CASE WHEN ({match}) IS NULL THEN 'inserted' WHEN ({older}) IS NOT TRUE THEN 'superseded'
            WHEN {differs} THEN 'updated' ELSE 'unchanged' END AS _holdfast_fate
FROM {landing} AS s LEFT JOIN {target} AS t ON {match}
WHERE ({match}) IS NULL OR ({older}) IS NOT TRUE OR {differs} OR t._origin < 0

-- name: stage_all
-- All landed rows, each with its fate.
DROP TEMPORARY TABLE IF EXISTS {staging};
CREATE TEMPORARY TABLE {staging} (INDEX {staging_index} ({key})) AS
SELECT {s_columns},
       CASE WHEN ({match}) IS NULL THEN 'inserted' WHEN ({older}) IS NOT TRUE THEN 'superseded'
            WHEN {differs} THEN 'updated' ELSE 'unchanged' END AS _holdfast_fate
FROM {landing} AS s LEFT JOIN {target} AS t ON {match}

-- name: analyze_landing
SELECT 1 AS analyzed

-- name: prepare_staging
-- It has its index.
SELECT 1 AS prepared

-- name: drop_beaten
DELETE s FROM {landing} AS l STRAIGHT_JOIN {staging} AS s ON {match_landed} AND {beaten}

-- name: update_staged
UPDATE {staging} AS s STRAIGHT_JOIN {target} AS t ON {match} SET {t_assign} WHERE s._holdfast_fate = 'updated'

-- name: advance_staged
-- See common.
UPDATE {staging} AS s STRAIGHT_JOIN {target} AS t ON {match} SET {t_assign_origin} WHERE s._holdfast_fate = 'unchanged'

-- name: dedupe_landing
DELETE l FROM {landing} AS l STRAIGHT_JOIN (
    SELECT _origin FROM (
        SELECT s._origin, ROW_NUMBER() OVER (PARTITION BY {s_key} ORDER BY {s_rank_descending}) AS place
        FROM {landing} AS s
    ) AS ranked
    WHERE place > 1
) AS beaten ON beaten._origin = l._origin

-- name: fill_target
-- Rows come in the order of (key, sequence, _origin), so a key's last row overwrites those before it.
INSERT INTO {target} ({insert_columns}) SELECT {insert_values} FROM {landing} AS s ORDER BY {s_fill_order}
{overwrite_known}

-- name: swap_obstacles
-- DDL commits, so a swap would not be part of the transaction; and the table keeps its rows in the order of its key.
SELECT 'tables cannot be swapped within a transaction' AS reason

-- name: table_attachments
SELECT 1 AS stage, '' AS statement WHERE 1 = 0

-- name: drop_target
-- Never asked for: see swap_obstacles.
SELECT 1 AS stays

-- name: rename_landing
SELECT 1 AS stays
