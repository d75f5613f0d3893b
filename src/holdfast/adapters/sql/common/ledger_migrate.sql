-- name: migrations_applied
SELECT version, checksum FROM {ops}migration ORDER BY version

-- name: migration_add
INSERT INTO {ops}migration (version, checksum, applied_at) VALUES (:version, :checksum, {now})
