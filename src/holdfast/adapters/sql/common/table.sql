-- name: drop_staging
DROP TABLE {staging}

-- name: drop_landing
DROP TABLE IF EXISTS {staging}

-- name: holds_loaded_rows
-- Rows that some load wrote: those of a person have the _origin -1.
SELECT EXISTS (SELECT 1 FROM {target} WHERE "_origin" >= 0) AS found

-- name: table_rows
SELECT COUNT(*) AS table_rows FROM {target}
