-- name: create_staging
-- Where a chunk's rows wait for the merge. A crash or a forgotten drop leaves nothing behind.
CREATE TEMPORARY TABLE {staging} ON COMMIT DROP AS SELECT {columns} FROM {target} WITH NO DATA

-- name: reflect_columns
-- `type` is the declared type with its measures; no rows where there is no such table.
SELECT a.attname AS name, format_type(a.atttypid, a.atttypmod) AS type, NOT a.attnotnull AS nullable,
       (a.atthasdef OR a.attidentity <> '') AS has_default
FROM pg_catalog.pg_attribute AS a
WHERE a.attrelid = to_regclass(COALESCE(quote_ident(CAST(:schema AS text)) || '.', '') || quote_ident(CAST(:table AS text)))
  AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attnum

-- name: reflect_indexes
-- One row an indexed column. Partial indexes and those over expressions say nothing about a whole column.
SELECT c.relname AS index_name, i.indisprimary AS is_primary, i.indisunique AS is_unique, a.attname AS column_name
FROM pg_catalog.pg_index AS i
JOIN pg_catalog.pg_class AS c ON c.oid = i.indexrelid
CROSS JOIN LATERAL unnest(CAST(i.indkey AS int2[])) WITH ORDINALITY AS k (attnum, position)
JOIN pg_catalog.pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
WHERE i.indrelid = to_regclass(COALESCE(quote_ident(CAST(:schema AS text)) || '.', '') || quote_ident(CAST(:table AS text)))
  AND i.indpred IS NULL AND i.indexprs IS NULL AND k.position <= i.indnkeyatts
ORDER BY c.relname, k.position
