-- name: model_utc
SELECT set_config('TimeZone', 'UTC', true) AS time_zone

-- name: create_model_staging
-- A crash or a forgotten drop leaves nothing behind.
CREATE TEMPORARY TABLE {staging} ON COMMIT DROP AS SELECT {data_columns} FROM {target} WITH NO DATA

-- name: index_model_staging
-- Nothing is known of a new table: the plan would be one for a few rows.
ANALYZE {staging}
