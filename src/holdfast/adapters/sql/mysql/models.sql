-- name: create_model_staging
-- The outer join is there for NULL: a column selected as it is would be NOT NULL as in the target. A temporary table
-- outlives its transaction here.
DROP TEMPORARY TABLE IF EXISTS {staging};
CREATE TEMPORARY TABLE {staging} (INDEX {staging_index} ({key})) AS
SELECT {t_data_columns} FROM (SELECT 1 AS one) AS o LEFT JOIN {target} AS t ON 1 = 0 WHERE 1 = 0

-- name: drop_model_staging
DROP TEMPORARY TABLE {staging}

-- name: model_update_differing
UPDATE {staging} AS s STRAIGHT_JOIN {target} AS t ON {match} SET {t_assign_data} WHERE {differs}

-- name: model_state_add
INSERT INTO {ops}model_partition (model, partition_key, status)
VALUES (:model, :partition_key, 'pending')
ON DUPLICATE KEY UPDATE {ops}model_partition.model = {ops}model_partition.model
