-- name: create_staging
-- Where a chunk's rows wait for the merge. A crash or a forgotten drop leaves nothing behind.
CREATE TEMPORARY TABLE {staging} ON COMMIT DROP AS SELECT {columns} FROM {target} WITH NO DATA

-- name: create_landing
-- No index: the key is built once, when the load is published.
CREATE TABLE IF NOT EXISTS {staging} AS SELECT {columns} FROM {target} WITH NO DATA
