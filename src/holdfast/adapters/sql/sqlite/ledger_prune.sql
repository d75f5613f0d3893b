-- name: touches_old
-- Partitions with more than one old touch. What landed and waits to be published is left as it is.
SELECT relation, partition_key, COUNT(*) AS row_count
FROM {ops}touch
WHERE touched_at < :cutoff AND INSTR(relation, '#') = 0
GROUP BY relation, partition_key
HAVING COUNT(*) > 1
ORDER BY relation, partition_key
