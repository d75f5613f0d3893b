-- name: dataset_add
INSERT INTO {ops}dataset (name, table_name, next_load, next_file, next_chunk)
VALUES (:dataset, :table_name, 1, 1, :next_chunk)
ON DUPLICATE KEY UPDATE {ops}dataset.name = {ops}dataset.name
