-- name: create_staging
-- Where a chunk's rows wait for the merge. Columns keep the affinity they have in the target.
CREATE TEMPORARY TABLE {staging} AS SELECT {columns} FROM {target} WHERE 1 = 0

-- name: create_landing
-- No index: the key is built once, when the load is published.
CREATE TABLE IF NOT EXISTS {staging} AS SELECT {columns} FROM {target} WHERE 1 = 0
