-- name: lock_older
SELECT COUNT(*) AS older FROM (
    SELECT 1 FROM {target} AS t JOIN {staging} AS s ON {match} WHERE {older} ORDER BY {s_key} FOR UPDATE OF t
) AS locked
