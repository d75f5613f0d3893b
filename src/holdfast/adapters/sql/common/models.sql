-- The content of one partition of a model: staged by the model's SELECT, then the target is brought to it.

-- name: model_utc
-- What a day is must not depend on who asks: the transaction's time zone is UTC.
SELECT 'UTC' AS time_zone

-- name: create_model_staging
-- What the SELECT gives is looked at before it is believed, so the staging table takes NULLs and repeated keys.
CREATE TEMPORARY TABLE {staging} AS SELECT {data_columns} FROM {target} WHERE 1 = 0

-- name: index_model_staging
-- Once it is filled: what the engine needs to find a staged row by its key. Nothing, where it joins by hashing.
SELECT 1 AS ready

-- name: drop_model_staging
DROP TABLE {staging}

-- name: model_update_differing
UPDATE {target} AS t SET {assign_data} FROM {staging} AS s WHERE {match} AND ({differs})
