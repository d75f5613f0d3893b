-- name: create_landing
-- All of the target but its indexes: the keys are built once, when the load is published, and then it is the target.
CREATE TABLE IF NOT EXISTS {landing} (LIKE {target} INCLUDING ALL EXCLUDING INDEXES)

-- name: create_landing_plain
-- Only what is compared: no checks, no defaults.
CREATE TABLE IF NOT EXISTS {landing} AS SELECT {columns} FROM {target} WITH NO DATA

-- name: may_land
-- May this user make a landing table where the target's name leads to?
SELECT has_schema_privilege(
    to_regnamespace(quote_ident(CASE cardinality(name) WHEN 2 THEN name[1] ELSE current_schema() END)), 'CREATE') AS may
FROM (SELECT parse_ident({target_text}) AS name) AS target

-- name: let_landed_go
-- A publication of all tables refuses deletes from a table whose rows nothing identifies.
ALTER TABLE {landing} REPLICA IDENTITY FULL

-- name: wait_briefly
-- For readers who are still at the table that is to go: whoever comes after them waits as well.
SELECT set_config('lock_timeout', '3s', true) AS waiting

-- name: lock_target
-- Writers wait until the load is published, readers do not.
LOCK TABLE {target} IN SHARE ROW EXCLUSIVE MODE

-- name: tune_publish
-- One sort or join over all rows of the load, in this transaction only: memory as for building an index, if the server
-- gives less. A parallel hash join may use six times work_mem. A limit on the time of statements was meant for others. The
-- comparison goes through two tables and gives few rows, which the planner cannot know: let it use several processes; to
-- compile it takes longer than it saves.
SELECT set_config(name, value, true) AS tuned
FROM (VALUES ('statement_timeout', '0'), ('parallel_tuple_cost', '0'), ('parallel_setup_cost', '0'), ('jit', 'off'))
     AS own (name, value)
UNION ALL
SELECT set_config(name, CASE name WHEN 'work_mem' THEN '128MB' ELSE '256MB' END, true) AS tuned FROM pg_settings
WHERE name = 'maintenance_work_mem' AND CAST(setting AS bigint) < 262144
   OR name = 'work_mem' AND CAST(setting AS bigint) < 131072

-- name: stage_differing
-- Landed rows that the table does not have as they are, each with its fate. Equal rows that no load put there (their
-- _origin is below 0) are among them: they get the _origin of those that say the same.
CREATE TEMPORARY TABLE {staging} ON COMMIT DROP AS
SELECT {s_columns},
       CASE WHEN ({match}) IS NULL THEN 'inserted' WHEN ({older}) IS NOT TRUE THEN 'superseded'
            WHEN {differs} THEN 'updated' ELSE 'unchanged' END AS _holdfast_fate
FROM {landing} AS s LEFT JOIN {target} AS t ON {match}
WHERE ({match}) IS NULL OR ({older}) IS NOT TRUE OR {differs} OR t._origin < 0

-- name: stage_all
-- All landed rows, each with its fate.
CREATE TEMPORARY TABLE {staging} ON COMMIT DROP AS
SELECT {s_columns},
       CASE WHEN ({match}) IS NULL THEN 'inserted' WHEN ({older}) IS NOT TRUE THEN 'superseded'
            WHEN {differs} THEN 'updated' ELSE 'unchanged' END AS _holdfast_fate
FROM {landing} AS s LEFT JOIN {target} AS t ON {match}

-- name: analyze_landing
-- It becomes the table: queries, and the comparison with the next delivery, shall not wait for autovacuum to be planned well.
ANALYZE {landing}

-- name: prepare_staging
-- Without it the server takes any temporary table for one of a thousand rows, or of all there could be.
ANALYZE {staging}

-- name: swap_obstacles
-- Why the landing table cannot take the target's place: whatever hangs on the target that could not be carried over.
-- Then the target is filled instead, which costs more and disturbs nothing.
WITH shapes AS (
    SELECT CAST(ROW(a.attname, a.atttypid, a.atttypmod, a.attcollation, a.attnotnull, a.attgenerated, a.attstorage,
                    pg_get_expr(f.adbin, f.adrelid), col_description(a.attrelid, a.attnum)) AS text) AS part
    FROM pg_attribute AS a LEFT JOIN pg_attrdef AS f ON f.adrelid = a.attrelid AND f.adnum = a.attnum
    WHERE a.attrelid IN (CAST({target_text} AS regclass), CAST({landing_text} AS regclass))
      AND a.attnum > 0 AND NOT a.attisdropped
    UNION ALL
    SELECT CAST(ROW(conname, pg_get_constraintdef(oid), obj_description(oid, 'pg_constraint')) AS text)
    FROM pg_constraint
    WHERE contype = 'c' AND conrelid IN (CAST({target_text} AS regclass), CAST({landing_text} AS regclass))
)
SELECT reason FROM (
    SELECT 'it was changed since the load began, or cannot be copied: ' || part AS reason
    FROM shapes GROUP BY part HAVING COUNT(*) <> 2
    UNION ALL
    SELECT 'it is not a plain table of one''s own, or has settings of its own' AS reason
    FROM pg_class AS c
    WHERE c.oid = CAST({target_text} AS regclass)
      AND (c.relkind <> 'r' OR c.relispartition OR c.relhassubclass OR c.relrowsecurity OR c.relforcerowsecurity
           OR c.relpersistence <> 'p' OR c.relreplident <> 'd' OR c.reloptions IS NOT NULL OR c.reltablespace <> 0
           OR c.reloftype <> 0 OR pg_get_userbyid(c.relowner) <> current_user
           OR EXISTS (SELECT 1 FROM pg_class AS o WHERE o.oid = c.reltoastrelid AND o.reloptions IS NOT NULL))
    UNION ALL
    SELECT 'the search path leads to another schema, and its rows landed there'
    FROM pg_class AS c JOIN pg_class AS l ON l.relnamespace <> c.relnamespace
    WHERE c.oid = CAST({target_text} AS regclass) AND l.oid = CAST({landing_text} AS regclass)
    UNION ALL
    SELECT format('publication %I publishes it', p.pubname)
    FROM pg_publication_tables AS p
    JOIN pg_namespace AS n ON n.nspname = p.schemaname
    JOIN pg_class AS c ON c.relnamespace = n.oid AND c.relname = p.tablename
    WHERE c.oid = CAST({target_text} AS regclass)
    UNION ALL
    SELECT 'something depends on it: ' || pg_describe_object(d.classid, d.objid, d.objsubid)
    FROM pg_class AS c
    JOIN pg_type AS y ON y.oid = c.reltype
    JOIN pg_depend AS d ON (d.refclassid = 'pg_class'::regclass AND d.refobjid = c.oid)
                        OR (d.refclassid = 'pg_type'::regclass AND d.refobjid IN (y.oid, y.typarray))
    LEFT JOIN pg_constraint AS k ON d.classid = 'pg_constraint'::regclass AND k.oid = d.objid
    LEFT JOIN pg_class AS i ON d.classid = 'pg_class'::regclass AND i.oid = d.objid
    LEFT JOIN pg_attrdef AS f ON d.classid = 'pg_attrdef'::regclass AND f.oid = d.objid
    WHERE c.oid = CAST({target_text} AS regclass)
      AND NOT (d.classid = 'pg_type'::regclass AND d.objid IN (y.oid, y.typarray))
      AND f.adrelid IS DISTINCT FROM c.oid
      AND k.conrelid IS DISTINCT FROM c.oid
      AND NOT (i.relkind IS NOT NULL AND i.relkind IN ('i', 't'))
    UNION ALL
    SELECT 'it belongs to something: ' || pg_describe_object(d.refclassid, d.refobjid, d.refobjsubid)
    FROM pg_depend AS d
    WHERE d.classid = 'pg_class'::regclass AND d.objid = CAST({target_text} AS regclass) AND d.objsubid = 0
      AND d.refclassid <> 'pg_namespace'::regclass
    UNION ALL
    SELECT 'a column has settings of its own'
    FROM pg_attribute AS a
    WHERE a.attrelid = CAST({target_text} AS regclass) AND a.attnum > 0 AND NOT a.attisdropped
      AND (COALESCE(a.attstattarget, -1) >= 0
           OR EXISTS (SELECT 1 FROM unnest(a.attoptions) AS option WHERE starts_with(option, 'n_distinct')))
    UNION ALL
    SELECT 'an index has settings of its own'
    FROM pg_index AS x JOIN pg_class AS i ON i.oid = x.indexrelid
    WHERE x.indrelid = CAST({target_text} AS regclass)
      AND (x.indisclustered OR x.indisreplident OR NOT x.indisvalid OR i.reloptions IS NOT NULL OR i.reltablespace <> 0)
    UNION ALL
    SELECT 'a right to it was granted by another than its owner'
    FROM pg_class AS c
    CROSS JOIN LATERAL (
        SELECT c.relacl AS acl UNION ALL SELECT attacl FROM pg_attribute WHERE attrelid = c.oid
    ) AS held
    CROSS JOIN LATERAL aclexplode(held.acl) AS a
    WHERE c.oid = CAST({target_text} AS regclass) AND a.grantor <> c.relowner
    UNION ALL
    SELECT 'it has a security label' FROM pg_seclabel
    WHERE classoid = 'pg_class'::regclass AND objoid = CAST({target_text} AS regclass)
) AS found

-- name: table_attachments
-- What the landing table needs to stand in for the target: statements for before the swap (stage 1: keys and indexes,
-- under names for the time being) and after it (stage 2: their names, foreign keys, grants, comments).
WITH target AS (
    SELECT c.oid, c.relacl, c.relowner, n.nspname FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE c.oid = CAST({target_text} AS regclass)
),
keys AS (
    SELECT x.indexrelid, i.relname, k.conname, k.oid AS constraint_oid, x.indisprimary, x.indisunique, t.nspname,
           'holdfast_' || x.indexrelid AS for_now
    FROM target AS t
    JOIN pg_index AS x ON x.indrelid = t.oid
    JOIN pg_class AS i ON i.oid = x.indexrelid
    LEFT JOIN pg_constraint AS k ON k.conindid = x.indexrelid AND k.conrelid = t.oid AND k.contype IN ('p', 'u', 'x')
),
named AS (
    SELECT *, format('CREATE %sINDEX %I ON %s', CASE WHEN indisunique THEN 'UNIQUE ' ELSE '' END, relname,
                     (SELECT format('%I.%I', n.nspname, c.relname)
                      FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace, target AS t WHERE c.oid = t.oid))
              AS beginning
    FROM keys
),
held AS (
    SELECT a.grantee, a.privilege_type, a.is_grantable, '' AS column_list
    FROM target AS t, LATERAL aclexplode(COALESCE(t.relacl, acldefault('r', t.relowner))) AS a
    UNION ALL
    SELECT a.grantee, a.privilege_type, a.is_grantable, format(' (%I)', c.attname)
    FROM target AS t JOIN pg_attribute AS c ON c.attrelid = t.oid, LATERAL aclexplode(c.attacl) AS a
    WHERE c.attacl IS NOT NULL AND NOT c.attisdropped
),
given AS (
    SELECT DISTINCT a.grantee
    FROM pg_class AS c, LATERAL aclexplode(COALESCE(c.relacl, acldefault('r', c.relowner))) AS a
    WHERE c.oid = CAST({landing_text} AS regclass)
)
SELECT stage, statement FROM (
    SELECT 1 AS stage, CASE WHEN indisprimary THEN 1 ELSE 2 END AS place,
           CASE WHEN constraint_oid IS NOT NULL
                THEN format('ALTER TABLE %s ADD CONSTRAINT %I %s', {landing_text}, for_now, pg_get_constraintdef(constraint_oid))
                ELSE format('CREATE %sINDEX %I ON %s', CASE WHEN indisunique THEN 'UNIQUE ' ELSE '' END, for_now, {landing_text})
                     || substr(pg_get_indexdef(indexrelid), length(beginning) + 1)
           END AS statement
    FROM named
    UNION ALL
    SELECT 2, 1, format('ALTER INDEX %I.%I RENAME TO %I', nspname, for_now, relname) FROM keys
    UNION ALL
    SELECT 2, 2, format('ALTER TABLE %s ADD CONSTRAINT %I %s', {target_text}, k.conname, pg_get_constraintdef(k.oid))
    FROM target AS t JOIN pg_constraint AS k ON k.conrelid = t.oid AND k.contype = 'f'
    UNION ALL
    SELECT 2, 3, format('REVOKE ALL ON %s FROM %s', {target_text},
                        CASE grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(grantee)) END)
    FROM given
    UNION ALL
    SELECT 2, 4, format('GRANT %s%s ON %s TO %s%s', privilege_type, column_list, {target_text},
                        CASE grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(grantee)) END,
                        CASE WHEN is_grantable THEN ' WITH GRANT OPTION' ELSE '' END)
    FROM held
    UNION ALL
    SELECT 2, 5, format('COMMENT ON TABLE %s IS %L', {target_text}, obj_description(t.oid, 'pg_class'))
    FROM target AS t WHERE obj_description(t.oid, 'pg_class') IS NOT NULL
    UNION ALL
    SELECT 2, 5, format('COMMENT ON INDEX %I.%I IS %L', nspname, relname, obj_description(indexrelid, 'pg_class'))
    FROM keys WHERE obj_description(indexrelid, 'pg_class') IS NOT NULL
    UNION ALL
    SELECT 2, 5, format('COMMENT ON CONSTRAINT %I ON %s IS %L', k.conname, {target_text}, obj_description(k.oid, 'pg_constraint'))
    FROM target AS t JOIN pg_constraint AS k ON k.conrelid = t.oid AND k.contype <> 'c'
    WHERE obj_description(k.oid, 'pg_constraint') IS NOT NULL
) AS listed
ORDER BY stage, place, statement
