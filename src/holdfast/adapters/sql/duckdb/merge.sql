-- name: insert_missing
-- ON CONFLICT asks the index row by row; a join asks once, and costs half.
INSERT INTO {target} ({insert_columns})
SELECT {insert_values} FROM {staging} AS s WHERE NOT EXISTS (SELECT 1 FROM {target} AS t WHERE {match}) ORDER BY {s_key}
