-- name: server_facts
-- Version, bulk path, mode and character set. What the server's mode is does not matter: each session has its own.
SELECT 'server' AS what, v.good AS good, VERSION() AS found,
       CASE WHEN v.good THEN '' ELSE 'needed is MariaDB 10.6, MySQL 8, or newer' END AS hint
FROM (
    SELECT CAST(SUBSTRING_INDEX(VERSION(), '.', 1) AS SIGNED) * 1000
               + CAST(SUBSTRING_INDEX(SUBSTRING_INDEX(VERSION(), '.', 2), '.', -1) AS SIGNED)
               >= CASE WHEN VERSION() LIKE '%MariaDB%' THEN 10006 ELSE 8000 END AS good
) AS v
UNION ALL
SELECT 'bulk path', 1,
       CASE WHEN @@local_infile THEN 'LOAD DATA LOCAL from memory' ELSE 'inserts of many rows; local_infile is off' END,
       CASE WHEN @@local_infile THEN '' ELSE 'about twice as quick with: SET GLOBAL local_infile = ON' END
UNION ALL
SELECT 'sql_mode', 1, 'strict in every session; of the server: ' || COALESCE(NULLIF(@@GLOBAL.sql_mode, ''), 'none'), ''
UNION ALL
SELECT 'text', 1, 'utf8mb4, told apart by every byte; of this database: ' || s.default_collation_name,
       CASE
           WHEN s.default_collation_name IN ('utf8mb4_nopad_bin', 'utf8mb4_0900_bin') THEN ''
           ELSE 'a table you make for Holdfast needs COLLATE '
               || CASE WHEN VERSION() LIKE '%MariaDB%' THEN 'utf8mb4_nopad_bin' ELSE 'utf8mb4_0900_bin' END
       END
FROM information_schema.schemata AS s WHERE s.schema_name = DATABASE()
