-- name: claim_chunk
-- The oldest ready chunk of an open load up to `load_max`, or one whose worker's lease ran out, or one this worker claimed without learning
-- of it (the answer to that COMMIT was lost; a worker has one chunk in hand, so it is free to start). SKIP LOCKED: two workers never wait for each
-- other. The CTE matters: without it the planner may update more rows than LIMIT.
WITH next_chunk AS (
    SELECT c.number
    FROM {ops}chunk AS c
    WHERE c.dataset = :dataset
      AND c.load_number <= :load_max
      AND c.state IN ('ready', 'claimed')
      AND EXISTS (
          SELECT 1 FROM {ops}load AS l
          WHERE l.dataset = c.dataset AND l.number = c.load_number AND l.status = 'open'
      )
      AND (
          c.state = 'ready'
          OR c.worker = :worker
          OR NOT EXISTS (SELECT 1 FROM {ops}worker AS w WHERE w.id = c.worker AND w.lease_until > {now})
      )
    ORDER BY c.number
    LIMIT 1
    {skip_locked}
)
UPDATE {ops}chunk
SET epoch = epoch + 1,
    attempts = attempts + 1,
    crashes = crashes + CASE WHEN state = 'claimed' AND worker <> :worker THEN 1 ELSE 0 END,
    state = 'claimed',
    worker = :worker,
    run_id = :run_id,
    started_at = {now}
WHERE dataset = :dataset AND number = (SELECT number FROM next_chunk)
RETURNING number, load_number, file_number, ordinal, span_start, span_end, span_hash, first_line, epoch, place

-- name: fail_poisoned
-- A chunk that is about to be claimed after its third dead worker is not claimed again.
UPDATE {ops}chunk
SET state = 'failed',
    crashes = crashes + 1,
    error = 'its worker died ' || (crashes + 1) || ' times while it held this chunk'
WHERE dataset = :dataset
  AND state = 'claimed'
  AND crashes + 1 >= :crashes_max
  AND NOT EXISTS (SELECT 1 FROM {ops}worker AS w WHERE w.id = {ops}chunk.worker AND w.lease_until > {now})

-- name: lock_chunk
-- The fence: whoever holds this lock and finds its own epoch may commit; nobody else can (P6).
-- With what the load is now: one that was published in part goes on chunk by chunk.
SELECT state, epoch, worker,
       (SELECT kind FROM {ops}load AS l WHERE l.dataset = c.dataset AND l.number = c.load_number) AS load_kind
FROM {ops}chunk AS c WHERE dataset = :dataset AND number = :number {for_update}

-- name: finish_chunk
UPDATE {ops}chunk
SET state = :state, way = :way, run_id = :run_id, error = NULL,
    rows_read = :read, rows_inserted = :inserted, rows_updated = :updated, rows_unchanged = :unchanged,
    rows_superseded = :superseded, rows_rejected = :rejected,
    blank_lines = :blank_lines, comment_lines = :comment_lines, committed_at = {now}
WHERE dataset = :dataset AND number = :number AND epoch = :epoch

-- name: release_chunk
-- A worker that stops in good order gives its chunk back; nothing relies on it.
UPDATE {ops}chunk SET state = 'ready', worker = NULL, attempts = attempts - 1
WHERE dataset = :dataset AND number = :number AND epoch = :epoch AND state = 'claimed'

-- name: fail_chunk
UPDATE {ops}chunk SET state = 'failed', error = :error
WHERE dataset = :dataset AND number = :number AND epoch = :epoch AND state = 'claimed'

-- name: next_ready_chunk
-- What a lone worker reads ahead: a guess, not a claim.
SELECT c.number, c.load_number, c.file_number, c.ordinal, c.span_start, c.span_end, c.span_hash, c.first_line, c.epoch,
       c.place
FROM {ops}chunk AS c
WHERE c.dataset = :dataset AND c.state = 'ready' AND c.number > :number
ORDER BY c.number
LIMIT 1

-- name: worker_join
INSERT INTO {ops}worker (id, run_id, place, pid, process_start, started_at, lease_until)
VALUES (:worker, :run_id, :place, :pid, :process_start, {now}, {later:lease_s})

-- name: worker_beat
UPDATE {ops}worker SET lease_until = {later:lease_s} WHERE id = :worker

-- name: worker_leave
DELETE FROM {ops}worker WHERE id = :worker

-- name: workers_at_place
-- Those of this machine that are believed alive: the caller looks whether they are.
SELECT id, pid, process_start FROM {ops}worker WHERE place = :place AND lease_until > {now}

-- name: worker_expire
UPDATE {ops}worker SET lease_until = {now} WHERE id = :worker

-- name: reject_insert
INSERT INTO {ops}reject
    (dataset, origin, file_number, line, byte_offset, byte_length, code, reasons, raw, status, run_id, rejected_at)
VALUES
    (:dataset, :origin, :file_number, :line, :byte_offset, :byte_length, :code, :reasons, :raw, 'open', :run_id, {now})

-- name: rejects_of_load
SELECT COALESCE(SUM(rows_rejected), 0) AS rejected
FROM {ops}chunk
WHERE dataset = :dataset AND load_number = :load_number AND state IN ('landed', 'done')

-- name: lock_load
SELECT number, kind, status, rejects_max, contract, error FROM {ops}load
WHERE dataset = :dataset AND number = :number {for_update}

-- name: load_get
SELECT number, kind, status, rejects_max, contract, error FROM {ops}load WHERE dataset = :dataset AND number = :number
