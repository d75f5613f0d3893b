-- name: claim_chunk
-- As on other engines (see common), in three steps, for nothing is returned by an UPDATE here. The index over unfinished
-- chunks is forced, and what is asked of load and worker are single values: any other plan would lock chunks that it only
-- looks at, and other workers would pass them over.
SET @holdfast_chunk = NULL;
SELECT c.number INTO @holdfast_chunk
FROM {ops}chunk AS c FORCE INDEX ({ops_index}chunk_unfinished)
WHERE c.dataset = :dataset
  AND c.load_number <= :load_max
  AND c.unfinished IS NOT NULL
  AND (SELECT l.status FROM {ops}load AS l WHERE l.dataset = c.dataset AND l.number = c.load_number) = 'open'
  AND (
      c.state = 'ready'
      OR c.worker = :worker
      OR COALESCE((SELECT w.lease_until FROM {ops}worker AS w WHERE w.id = c.worker), '1000-01-01') <= {now}
  )
ORDER BY c.unfinished
LIMIT 1
{skip_locked};
UPDATE {ops}chunk
SET epoch = epoch + 1,
    attempts = attempts + 1,
    crashes = crashes + CASE WHEN state = 'claimed' AND worker <> :worker THEN 1 ELSE 0 END,
    state = 'claimed',
    worker = :worker,
    run_id = :run_id,
    started_at = {now}
WHERE dataset = :dataset AND number = @holdfast_chunk;
SELECT number, load_number, file_number, ordinal, span_start, span_end, span_hash, first_line, epoch, place
FROM {ops}chunk WHERE dataset = :dataset AND number = @holdfast_chunk

-- name: fail_poisoned
-- Assignments see those before them here: the text comes first.
UPDATE {ops}chunk
SET error = 'its worker died ' || (crashes + 1) || ' times while it held this chunk',
    state = 'failed',
    crashes = crashes + 1
WHERE dataset = :dataset
  AND state = 'claimed'
  AND crashes + 1 >= :crashes_max
  AND NOT EXISTS (SELECT 1 FROM {ops}worker AS w WHERE w.id = {ops}chunk.worker AND w.lease_until > {now})

-- name: lock_chunk
-- As on other engines. Before it a share of the dataset's row, which planners and publishers lock: a table cannot be locked
-- against writers within a transaction here, so this is what keeps chunks from being written while a load is published.
SELECT name FROM {ops}dataset WHERE name = :dataset LOCK IN SHARE MODE;
SELECT state, epoch, worker,
       (SELECT kind FROM {ops}load AS l WHERE l.dataset = c.dataset AND l.number = c.load_number) AS load_kind
FROM {ops}chunk AS c WHERE dataset = :dataset AND number = :number {for_update}

-- name: chunk_state
-- A replay writes into a chunk: see lock_chunk.
SELECT name FROM {ops}dataset WHERE name = :dataset LOCK IN SHARE MODE;
SELECT state FROM {ops}chunk WHERE dataset = :dataset AND number = :number {for_update}
