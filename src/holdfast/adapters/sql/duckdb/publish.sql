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
-- One transaction at a time writes.
SELECT 1 AS locked

-- name: tune_publish
SELECT 1 AS tuned

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
SELECT 1 AS prepared

-- name: fill_target
-- A failed statement undoes the whole transaction here, so keys that came twice are not waited for: of each the greatest
-- (sequence, _origin) is taken. Keys met once, nearly all, are not ranked.
INSERT INTO {target} ({insert_columns})
SELECT {insert_values} FROM {landing} AS s
WHERE s._origin NOT IN (
    SELECT ranked._origin FROM (
        SELECT s._origin, ROW_NUMBER() OVER (PARTITION BY {s_order} ORDER BY {s_rank_descending}) AS place
        FROM {landing} AS s
        WHERE ({s_order}) IN (SELECT ({s_order}) FROM {landing} AS s GROUP BY {s_order} HAVING COUNT(*) > 1)
    ) AS ranked
    WHERE ranked.place > 1
)
ORDER BY {s_order}

-- name: swap_obstacles
-- Keys, rules and defaults cannot be added to a table that is there.
SELECT 'keys cannot be added to the landing table' AS reason

-- name: table_attachments
SELECT 1 AS stage, '' AS statement WHERE 1 = 0
