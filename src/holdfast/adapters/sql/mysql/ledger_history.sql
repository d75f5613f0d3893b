-- STRAIGHT_JOIN: see merge.sql.

-- name: ledger_6_change_by_key
CREATE INDEX {ops_index}change_by_key ON {ops}change (dataset, row_key(200))

-- name: differing_by_partition
SELECT {t_partition} AS old_partition, {s_partition} AS new_partition, COUNT(*) AS row_count
FROM {staging} AS s STRAIGHT_JOIN {target} AS t ON {match} WHERE {older} AND ({differs}) GROUP BY 1, 2

-- name: inserted_by_partition
SELECT {s_partition} AS new_partition, COUNT(*) AS row_count
FROM {staging} AS s STRAIGHT_JOIN {target} AS t ON {match} WHERE t._origin = s._origin GROUP BY 1

-- name: history_add
INSERT INTO {ops}change
    (dataset, origin, column_name, row_key, old_value, new_value, old_origin, partition_key, old_partition, run_id, changed_at)
SELECT :dataset, s._origin, c.column_name, {s_row_key}, {t_value}, {s_value}, t._origin, {s_partition}, {t_partition}, :run_id, {now}
FROM {staging} AS s STRAIGHT_JOIN {target} AS t ON {match} CROSS JOIN ({value_columns}) AS c
WHERE {older} AND ({differs}) AND {value_differs}

-- name: history_add_landed
INSERT INTO {ops}change
    (dataset, origin, column_name, row_key, old_value, new_value, old_origin, partition_key, old_partition, run_id, changed_at)
SELECT :dataset, s._origin, c.column_name, {s_row_key}, {t_value}, {s_value}, t._origin, {s_partition}, {t_partition}, :run_id, {now}
FROM {staging} AS s STRAIGHT_JOIN {target} AS t ON {match} CROSS JOIN ({value_columns}) AS c
WHERE s._holdfast_fate = 'updated' AND {value_differs}
