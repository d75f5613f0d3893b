-- What runs did, stage by stage, and what they said: written in few transactions, some seconds late or at a run's end.
-- Nothing's correctness relies on these tables. Moments are the database's: a line says how long ago it was.

-- name: ledger_9_run_place
-- Where a run's process is: another process of the same place sees at once that it is dead.
ALTER TABLE {ops}run ADD COLUMN place VARCHAR(255)

-- name: ledger_9_run_process
ALTER TABLE {ops}run ADD COLUMN process_start VARCHAR(64)

-- name: ledger_9_stage
CREATE TABLE {ops}stage (
    id VARCHAR(26) NOT NULL PRIMARY KEY,
    pipeline_name VARCHAR(255) NOT NULL,
    run_id VARCHAR(26) NOT NULL,
    stage VARCHAR(63) NOT NULL,
    checkpoint_key VARCHAR(2000) NOT NULL,
    checkpoint_value VARCHAR(2000),
    status VARCHAR(16) NOT NULL CHECK (status IN ('running', 'completed', 'failed', 'interrupted')),
    start_time {timestamp} NOT NULL,
    end_time {timestamp},
    duration_ms BIGINT,
    metadata TEXT NOT NULL,
    updated_at {timestamp} NOT NULL
)

-- name: ledger_9_stage_by_run
CREATE INDEX {ops_index}stage_by_run ON {ops}stage (run_id)

-- name: ledger_9_log
CREATE TABLE {ops}log (
    id VARCHAR(26) NOT NULL PRIMARY KEY,
    logged_at {timestamp} NOT NULL,
    level VARCHAR(8) NOT NULL,
    message TEXT NOT NULL,
    logger VARCHAR(255) NOT NULL,
    pipeline_name VARCHAR(255) NOT NULL,
    run_id VARCHAR(26) NOT NULL,
    module VARCHAR(255) NOT NULL,
    function_name VARCHAR(255) NOT NULL,
    line_number INTEGER NOT NULL,
    metadata TEXT NOT NULL
)

-- name: ledger_9_log_by_run
CREATE INDEX {ops_index}log_by_run ON {ops}log (run_id)

-- name: ledger_9_log_by_time
-- "The last 24 hours" is the question that is asked of logs, and what is old goes out by it.
CREATE INDEX {ops_index}log_by_time ON {ops}log (logged_at)

-- name: stage_add
INSERT INTO {ops}stage (id, pipeline_name, run_id, stage, checkpoint_key, checkpoint_value, status, start_time, end_time,
                        duration_ms, metadata, updated_at)
VALUES (:id, :pipeline_name, :run_id, :stage, :checkpoint_key, :checkpoint_value, :stage_status, {ago:started_ago_s},
        {ago:ended_ago_s}, :duration_ms, :metadata, {now})

-- name: stage_end
UPDATE {ops}stage
SET checkpoint_value = :checkpoint_value, status = :stage_status, end_time = {ago:ended_ago_s}, duration_ms = :duration_ms,
    metadata = :metadata, updated_at = {now}
WHERE id = :id

-- name: stages_of_run
SELECT id, pipeline_name, run_id, stage, checkpoint_key, checkpoint_value, status, start_time, end_time, duration_ms, metadata
FROM {ops}stage WHERE run_id = :run_id ORDER BY id

-- name: stages_break_off
-- Stages of a run whose process is gone.
UPDATE {ops}stage SET status = 'interrupted', updated_at = {now} WHERE run_id = :run_id AND status = 'running'

-- name: runs_unended
-- Runs that say they are running, with what tells whether that can be: their process, and the leases of their workers.
SELECT r.id, r.dataset, r.place, r.pid, r.process_start,
       CASE WHEN r.started_at < {ago:silent_s} THEN 1 ELSE 0 END AS is_old,
       (SELECT COUNT(*) FROM {ops}worker AS w WHERE w.run_id = r.id AND w.lease_until > {ago:silent_s}) AS workers
FROM {ops}run AS r
WHERE r.status = 'running'
ORDER BY r.id

-- name: run_break_off
-- Its end is the last that is known of it: what it committed last, else its beginning.
UPDATE {ops}run
SET status = 'interrupted', error = 'its process is gone',
    ended_at = COALESCE(
        (SELECT MAX(c.committed_at) FROM {ops}chunk AS c WHERE c.dataset = {ops}run.dataset AND c.run_id = {ops}run.id),
        started_at
    )
WHERE id = :run_id AND status = 'running'

-- name: workers_silent
-- Those whose lease ended long ago, wherever they were.
SELECT id FROM {ops}worker WHERE lease_until <= {ago:silent_s} ORDER BY id

-- name: workers_known
SELECT id, pid, process_start FROM {ops}worker WHERE place = :place ORDER BY id
