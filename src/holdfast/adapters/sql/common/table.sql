-- name: drop_staging
DROP TABLE {staging}

-- name: holds_rows
SELECT EXISTS (SELECT 1 FROM {target}) AS found

-- name: holds_loaded_rows
-- Rows that some load wrote: those of a person have the _origin -1.
SELECT EXISTS (SELECT 1 FROM {target} WHERE "_origin" >= 0) AS found

-- name: key_found
SELECT COUNT(*) AS found FROM {target} WHERE {key_given}

-- name: table_rows
SELECT COUNT(*) AS table_rows FROM {target}

-- name: schema_found
SELECT COUNT(*) AS found FROM information_schema.schemata WHERE schema_name = :schema
