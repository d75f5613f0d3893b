-- The merge of a chunk whose rows wait in a staging table with one row a key. Three steps, each of which counts one fate;
-- together they are commutative, associative and idempotent: the greatest (sequence, _origin) of a key wins (P5).

-- name: staged_known
-- Does the table have any of the staged keys?
SELECT EXISTS (SELECT 1 FROM {target} AS t JOIN {staging} AS s ON {match}) AS found

-- name: insert_missing
-- Keys the table does not have. In key order, so that two workers meet at a key from the same side.
INSERT INTO {target} ({insert_columns})
SELECT {insert_values} FROM {staging} AS s WHERE 1 = 1 ORDER BY {s_key}
ON CONFLICT ({key}) DO NOTHING

-- name: lock_older
-- How many rows of the table this chunk's rows win over. On engines with row locks they are locked here, in key order.
SELECT COUNT(*) AS older FROM {target} AS t JOIN {staging} AS s ON {match} WHERE {older}

-- name: update_differing
UPDATE {target} AS t SET {assign} FROM {staging} AS s WHERE {match} AND {older} AND ({differs})

-- name: advance_unchanged
-- A row that wins with equal values still takes the place of the older one: were its `_origin` left behind, a chunk that
-- lies between the two and commits later would win over it.
UPDATE {target} AS t SET {assign_origin} FROM {staging} AS s WHERE {match} AND {older}

-- name: delete_origins
-- What a replaced version of a file put into the table.
DELETE FROM {target} WHERE _origin >= :origin_start AND _origin < :origin_end

-- name: delete_all
DELETE FROM {target}
