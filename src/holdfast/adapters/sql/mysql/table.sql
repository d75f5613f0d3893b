-- name: create_staging
-- Where a chunk's rows wait for the merge. A temporary table outlives its transaction here. Its key keeps the rows in the
-- order in which the merge meets the table's.
DROP TEMPORARY TABLE IF EXISTS {staging};
CREATE TEMPORARY TABLE {staging} (PRIMARY KEY ({key})) AS SELECT {columns} FROM {target} WHERE 1 = 0

-- name: drop_staging
DROP TEMPORARY TABLE {staging}

-- name: reflect_columns
-- `type` is the declared type with its measures; no rows where there is no such table. Text must tell apart what differs in
-- a byte, also in case or in blanks at its end; time must have microseconds; and what is written to the table must come
-- and go with the transaction (a view has no engine of its own). Else the type says why it holds nothing.
SELECT c.column_name AS name,
       CASE
           WHEN t.engine <> 'InnoDB'
           THEN c.column_type || ' in a table of engine ' || t.engine || ' (not undone by a rollback, as InnoDB''s are)'
           WHEN c.data_type IN ('varchar', 'tinytext', 'text', 'mediumtext', 'longtext')
                AND c.collation_name IN ('utf8mb4_nopad_bin', 'utf8mb4_0900_bin')
           THEN CASE c.data_type WHEN 'varchar' THEN c.column_type WHEN 'longtext' THEN 'text'
                                 ELSE 'varchar(' || (c.character_maximum_length DIV 4) || ')' END
           WHEN c.data_type = 'longtext' AND c.collation_name = 'utf8mb4_bin' THEN 'json_text'
           WHEN c.data_type = 'char' AND c.character_maximum_length = 36 AND c.collation_name = 'ascii_bin' THEN 'uuid_text'
           WHEN c.character_set_name IS NOT NULL
           THEN c.column_type || ' with collation ' || c.collation_name || ' (not exact to the byte, as utf8mb4_'
                || CASE WHEN VERSION() LIKE '%MariaDB%' THEN 'nopad' ELSE '0900' END || '_bin is)'
           WHEN c.data_type = 'tinyint' THEN CASE WHEN c.column_type = 'tinyint(1)' THEN 'boolean' ELSE c.column_type END
           WHEN c.data_type IN ('smallint', 'mediumint', 'int', 'bigint')
           THEN c.data_type || CASE WHEN c.column_type LIKE '%unsigned%' THEN ' unsigned' ELSE '' END
           WHEN c.data_type IN ('decimal', 'double') AND c.column_type LIKE '%unsigned%' THEN c.column_type
           WHEN c.data_type = 'double' THEN 'double'
           WHEN c.data_type = 'datetime' AND c.datetime_precision = 6
           THEN CASE WHEN c.column_comment LIKE 'UTC%' THEN 'timestamptz' ELSE 'timestamp' END
           WHEN c.data_type = 'datetime' THEN 'datetime without microseconds'
           WHEN c.data_type = 'timestamp' THEN 'timestamp that ends in 2038'
           WHEN c.data_type = 'json' THEN 'json with numbers of limited digits'
           ELSE c.column_type
       END AS type,
       c.is_nullable = 'YES' AS nullable,
       COALESCE(c.column_default, 'NULL') <> 'NULL' OR c.extra LIKE '%auto_increment%' OR c.extra LIKE '%GENERATED%'
           AS has_default
FROM information_schema.columns AS c
JOIN information_schema.tables AS t ON t.table_schema = c.table_schema AND t.table_name = c.table_name
WHERE c.table_schema = COALESCE(:schema, DATABASE()) AND c.table_name = :table
  AND COALESCE(FIND_IN_SET(MD5(c.table_name), @holdfast_gone), 0) = 0
ORDER BY c.ordinal_position

-- name: reflect_indexes
-- One row an indexed column. Indexes over expressions, or over the beginning of a text, say nothing about a whole column.
SELECT s.index_name AS index_name, s.index_name = 'PRIMARY' AS is_primary, s.non_unique = 0 AS is_unique,
       s.column_name AS column_name
FROM information_schema.statistics AS s
WHERE s.table_schema = COALESCE(:schema, DATABASE()) AND s.table_name = :table
  AND NOT EXISTS (
      SELECT 1 FROM information_schema.statistics AS p
      WHERE p.table_schema = s.table_schema AND p.table_name = s.table_name AND p.index_name = s.index_name
        AND (p.sub_part IS NOT NULL OR p.column_name IS NULL)
  )
ORDER BY s.index_name, s.seq_in_index
