-- name: create_staging
-- Where a chunk's rows wait for the merge. Columns keep the affinity they have in the target.
CREATE TEMPORARY TABLE {staging} AS SELECT {columns} FROM {target} WHERE 1 = 0

-- name: reflect_columns
-- `type` is the declared type with its measures; no rows where there is no such table.
SELECT name, type, "notnull" = 0 AS nullable, dflt_value IS NOT NULL AS has_default
FROM pragma_table_xinfo(:table, :schema) WHERE hidden = 0 ORDER BY cid

-- name: reflect_indexes
-- One row an indexed column. Partial indexes and those over expressions say nothing about a whole column.
SELECT '' AS index_name, 1 AS is_primary, 1 AS is_unique, name AS column_name, pk AS position
FROM pragma_table_xinfo(:table, :schema) WHERE pk > 0
UNION ALL
SELECT l.name, 0, l."unique", i.name, i.seqno
FROM pragma_index_list(:table, :schema) AS l
JOIN pragma_index_info(l.name, :schema) AS i
WHERE l.origin <> 'pk' AND l.partial = 0
ORDER BY index_name, position

-- name: schema_found
-- There are none: see domain.table.physical_table.
SELECT 1 AS found
