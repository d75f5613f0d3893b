-- name: drop_staging
DROP TABLE {staging}

-- name: drop_landing
DROP TABLE IF EXISTS {staging}

-- name: table_rows
SELECT COUNT(*) AS table_rows FROM {target}
