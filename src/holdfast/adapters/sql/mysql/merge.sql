-- The merge in this dialect. STRAIGHT_JOIN: the staged rows, in key order, ask for the table's by its key; any other plan
-- would lock rows of the table that the chunk has nothing to do with.

-- name: insert_missing
INSERT INTO {target} ({insert_columns})
SELECT {insert_values} FROM {staging} AS s ORDER BY {s_key}
{leave_known}

-- name: lock_older
SELECT COUNT(*) AS older FROM {staging} AS s STRAIGHT_JOIN {target} AS t ON {match} WHERE {older} FOR UPDATE

-- name: update_differing
UPDATE {staging} AS s STRAIGHT_JOIN {target} AS t ON {match} SET {t_assign} WHERE {older} AND ({differs})

-- name: advance_unchanged
-- See common.
UPDATE {staging} AS s STRAIGHT_JOIN {target} AS t ON {match} SET {t_assign_origin} WHERE {older}
