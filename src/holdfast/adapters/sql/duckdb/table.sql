-- name: create_staging
-- Where a chunk's rows wait for the merge.
CREATE TEMPORARY TABLE {staging} AS SELECT {columns} FROM {target} WHERE 1 = 0

-- name: reflect_columns
-- `type` is the declared type with its measures; a text's length is kept by its rule. No rows where there is no such table.
SELECT c.column_name AS name,
       CASE WHEN c.data_type = 'VARCHAR' AND k.length IS NOT NULL THEN 'VARCHAR(' || k.length || ')' ELSE c.data_type END AS type,
       c.is_nullable AS nullable, c.column_default IS NOT NULL AS has_default
FROM duckdb_columns() AS c
LEFT JOIN (
    SELECT table_oid, constraint_column_names[1] AS column_name,
           MIN(CAST(regexp_extract(expression, '^\(length\(.*\) <= (\d+)\)$', 1) AS BIGINT)) AS length
    FROM duckdb_constraints()
    WHERE constraint_type = 'CHECK' AND len(constraint_column_names) = 1
      AND regexp_matches(expression, '^\(length\(.*\) <= (\d+)\)$')
    GROUP BY ALL
) AS k ON k.table_oid = c.table_oid AND k.column_name = c.column_name
WHERE c.database_name IN (current_database(), 'temp') AND lower(c.table_name) = lower(:table)
  AND c.schema_name = COALESCE(CAST(:schema AS VARCHAR), current_schema())
ORDER BY c.column_index

-- name: reflect_indexes
-- One row an indexed column. Indexes over expressions say nothing about a column.
WITH found AS (
    SELECT table_oid, schema_name, table_name, constraint_text AS index_name, constraint_type = 'PRIMARY KEY' AS is_primary,
           TRUE AS is_unique, constraint_column_names AS names
    FROM duckdb_constraints()
    WHERE database_name = current_database() AND constraint_type IN ('PRIMARY KEY', 'UNIQUE')
    UNION ALL
    SELECT table_oid, schema_name, table_name, index_name, FALSE, is_unique,
           [regexp_replace(name, '^''?"(.*)"''?$', '\1') FOR name IN string_split(expressions[2:-2], ', ')]
    FROM duckdb_indexes() WHERE database_name = current_database() AND NOT contains(expressions, '(')
)
SELECT index_name, is_primary, is_unique, unnest(names) AS column_name, unnest(range(len(names))) AS position
FROM found
WHERE lower(table_name) = lower(:table) AND schema_name = COALESCE(CAST(:schema AS VARCHAR), current_schema())
ORDER BY index_name, position
