-- name: index_model_staging
-- A row that is not staged would be looked for from end to end.
CREATE INDEX {staging_index} ON {staging} ({key})
