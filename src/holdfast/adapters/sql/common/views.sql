-- Views with the names and columns that people query (docs/asking-ops.md). Made anew where they are there: on an engine
-- whose DDL commits, a migration that died half-way is completed.

-- name: ledger_9_view_pipeline_checkpoint
-- Stages, and beside them what the ledger knows of chunks and of whole runs: killed runs and those of before show as well.
-- A partition whose last build did not end well has no end of the build before.
DROP VIEW IF EXISTS {ops}pipeline_checkpoint;
CREATE VIEW {ops}pipeline_checkpoint AS
SELECT s.id, s.pipeline_name, s.run_id, s.stage, s.checkpoint_key, s.checkpoint_value, s.status, s.start_time, s.end_time,
       s.duration_ms, s.metadata, s.updated_at
FROM {ops}stage AS s
UNION ALL
SELECT 'chunk ' || c.dataset || ' ' || c.number, c.dataset, c.run_id, 'chunk', f.uri || '#' || c.ordinal,
       '' || c.number,
       CASE WHEN c.state = 'done' THEN 'completed'
            WHEN c.state = 'failed' THEN 'failed'
            WHEN c.state = 'claimed' AND NOT EXISTS (
                SELECT 1 FROM {ops}worker AS w WHERE w.id = c.worker AND w.lease_until > {now}
            ) THEN 'interrupted'
            WHEN c.state IN ('claimed', 'landed') THEN 'running'
            ELSE 'pending' END,
       c.started_at, c.committed_at, {ms_of:committed_at} - {ms_of:started_at},
       '{"rows_read": ' || c.rows_read || ', "rows_rejected": ' || c.rows_rejected || ', "attempts": ' || c.attempts || '}',
       COALESCE(c.committed_at, c.started_at, f.registered_at)
FROM {ops}chunk AS c
JOIN {ops}file AS f ON f.dataset = c.dataset AND f.number = c.file_number
WHERE c.state <> 'dropped'
UNION ALL
SELECT 'partition ' || m.model || ' ' || m.partition_key, m.model, m.run_id, 'partition', m.partition_key, '' || m."rows",
       CASE m.status WHEN 'done' THEN 'completed' ELSE m.status END,
       m.started_at, CASE WHEN m.built_at >= m.started_at THEN m.built_at END,
       CASE WHEN m.built_at >= m.started_at THEN {ms_of:built_at} - {ms_of:started_at} END,
       COALESCE(m.stages, '{}'), CASE WHEN m.started_at > m.built_at THEN m.started_at ELSE COALESCE(m.built_at, m.started_at) END
FROM {ops}model_partition AS m
UNION ALL
SELECT 'run ' || r.id, r.dataset, r.id, 'run', r.command, r.run_key,
       CASE r.status WHEN 'done' THEN 'completed' ELSE r.status END,
       r.started_at, r.ended_at, {ms_of:ended_at} - {ms_of:started_at},
       '{"pid": ' || r.pid || ', "exit_code": ' || COALESCE('' || r.exit_code, 'null') || '}',
       COALESCE(r.ended_at, r.started_at)
FROM {ops}run AS r

-- name: ledger_9_view_processed_months
-- One row a month that models have partitions of, by day or by month. It is what the worst of them is.
DROP VIEW IF EXISTS {ops}processed_months;
CREATE VIEW {ops}processed_months AS
SELECT CAST(REPLACE(p.month_key, '-', '') AS {integer}) AS id, p.month_key,
       CAST(SUBSTR(p.month_key, 1, 4) AS {integer}) AS "year", CAST(SUBSTR(p.month_key, 6, 2) AS {integer}) AS "month",
       MAX(p.first_built_at) AS processed_at, MAX(p.updated_at) AS updated_at,
       CASE WHEN SUM(CASE WHEN p.status = 'failed' THEN 1 ELSE 0 END) > 0 THEN 'failed'
            WHEN SUM(CASE WHEN p.status = 'running' THEN 1 ELSE 0 END) > 0 THEN 'running'
            WHEN SUM(CASE WHEN p.status = 'pending' THEN 1 ELSE 0 END) > 0 THEN 'pending'
            ELSE 'completed' END AS status
FROM (
    SELECT SUBSTR(m.partition_key, 1, 7) AS month_key, m.status, m.first_built_at,
           COALESCE(m.built_at, m.started_at) AS updated_at
    FROM {ops}model_partition AS m
    WHERE LENGTH(m.partition_key) >= 7
) AS p
GROUP BY p.month_key

-- name: ledger_9_view_pipeline_logs
DROP VIEW IF EXISTS {ops}pipeline_logs;
CREATE VIEW {ops}pipeline_logs AS
SELECT id, logged_at AS "timestamp", level, message, logger, pipeline_name, run_id, module, function_name AS "function",
       line_number AS line, metadata
FROM {ops}log
