-- name: dataset_add
INSERT INTO {ops}dataset (name, table_name, next_load, next_file, next_chunk)
VALUES (:dataset, :table_name, 1, 1, :next_chunk)
ON CONFLICT DO NOTHING

-- name: dataset_lock
-- Planners of one dataset stand in line here.
SELECT name, table_name, next_load, next_file, next_chunk FROM {ops}dataset WHERE name = :dataset {for_update}

-- name: dataset_of_table
SELECT name FROM {ops}dataset WHERE table_name = :table_name

-- name: dataset_advance
UPDATE {ops}dataset SET next_load = :next_load, next_file = :next_file, next_chunk = :next_chunk WHERE name = :dataset

-- name: files_current
SELECT f.number, f.load_number, f.uri, f.version, f.content_hash, f.size_bytes, f.modified, f.layout,
       l.status AS load_status, l.kind AS load_kind
FROM {ops}file AS f
JOIN {ops}load AS l ON l.dataset = f.dataset AND l.number = f.load_number
WHERE f.dataset = :dataset AND f.status = 'current'
ORDER BY f.number

-- name: file_get
SELECT number, load_number, uri, version, content_hash, size_bytes, modified, layout
FROM {ops}file WHERE dataset = :dataset AND number = :number

-- name: file_add
INSERT INTO {ops}file
    (dataset, number, load_number, uri, version, content_hash, size_bytes, modified, layout, status, registered_at)
VALUES
    (:dataset, :number, :load_number, :uri, :version, :content_hash, :size_bytes, :modified, :layout, 'current', {now})

-- name: file_replaced
-- By a load: which takes its rows out, or gives it back when it is given up.
UPDATE {ops}file SET status = 'replaced', replaced_by = :load_number WHERE dataset = :dataset AND number = :number

-- name: files_give_back
UPDATE {ops}file SET status = 'current', replaced_by = NULL
WHERE dataset = :dataset AND replaced_by = :load_number

-- name: files_give_up
UPDATE {ops}file SET status = 'replaced' WHERE dataset = :dataset AND load_number = :load_number

-- name: chunks_of_file
SELECT number, load_number, ordinal, span_start, span_end, span_hash, first_line, "lines", state, epoch
FROM {ops}chunk WHERE dataset = :dataset AND file_number = :file_number AND state <> 'dropped'
ORDER BY ordinal

-- name: chunk_add
INSERT INTO {ops}chunk
    (dataset, number, load_number, file_number, ordinal, span_start, span_end, span_hash, first_line, "lines", place, state)
VALUES
    (:dataset, :number, :load_number, :file_number, :ordinal, :span_start, :span_end, :span_hash, :first_line, :lines,
     :place, 'ready')

-- name: chunk_move
-- The same bytes in a newer version of the file: the chunk goes over to it. A worker that holds it must read its place
-- anew, so its epoch moves on.
UPDATE {ops}chunk
SET file_number = :file_number, ordinal = :ordinal, span_start = :span_start, span_end = :span_end,
    first_line = :first_line,
    load_number = CASE WHEN state IN ('ready', 'claimed', 'failed') THEN :load_number ELSE load_number END,
    epoch = epoch + CASE WHEN state = 'claimed' THEN 1 ELSE 0 END,
    state = CASE WHEN state IN ('claimed', 'failed') THEN 'ready' ELSE state END
WHERE dataset = :dataset AND number = :number

-- name: chunks_move_rejects
-- Rejects stand where their chunk stands now.
UPDATE {ops}reject
SET file_number = :file_number, line = line + :lines_by, byte_offset = byte_offset + :bytes_by
WHERE dataset = :dataset AND origin >= :origin_start AND origin < :origin_end

-- name: chunk_below
-- The last number taken before a chunk's: what a changed chunk in front of it must be greater than.
SELECT COALESCE(MAX(number), 0) AS number FROM {ops}chunk WHERE dataset = :dataset AND number < :number

-- name: rows_left_from
-- From a chunk of a file on: were rows that the table had already left as they were when the load was compared as a whole?
SELECT EXISTS (
    SELECT 1 FROM {ops}chunk AS c JOIN {ops}chunk AS f ON f.dataset = c.dataset AND f.file_number = c.file_number
    WHERE f.dataset = :dataset AND f.number = :number
      AND c.number >= f.number AND c.state = 'done' AND c.way = 'landing' AND c.rows_unchanged > 0
) AS found

-- name: chunk_drop
-- The bytes are no longer part of the source. A worker that holds it finds its epoch gone.
UPDATE {ops}chunk SET state = 'dropped', epoch = epoch + 1 WHERE dataset = :dataset AND number = :number

-- name: rejects_drop
UPDATE {ops}reject SET status = 'dropped'
WHERE dataset = :dataset AND status = 'open' AND origin >= :origin_start AND origin < :origin_end

-- name: load_add
INSERT INTO {ops}load (dataset, number, kind, status, rejects_max, contract, run_id, created_at)
VALUES (:dataset, :number, :kind, 'open', :rejects_max, :contract, :run_id, {now})

-- name: load_status
UPDATE {ops}load SET status = :status, error = :error, ended_at = {now}
WHERE dataset = :dataset AND number = :number

-- name: load_done
UPDATE {ops}load SET status = 'done', error = NULL, ended_at = {now}, rows_removed = :rows_removed, ended_by = :run_id
WHERE dataset = :dataset AND number = :number

-- name: load_goes_chunkwise
-- What landed was published, what failed was not: the rest becomes visible chunk by chunk.
UPDATE {ops}load SET kind = 'chunk' WHERE dataset = :dataset AND number = :number

-- name: load_reopen
-- A person started the load again: a stopped one goes on under the budget and contract given now.
UPDATE {ops}load SET status = 'open', rejects_max = :rejects_max, contract = :contract, error = NULL, ended_at = NULL
WHERE dataset = :dataset AND number = :number AND status IN ('open', 'stopped')

-- name: loads_unfinished
SELECT number, kind, status, rejects_max, contract, error FROM {ops}load
WHERE dataset = :dataset AND status IN ('open', 'stopped') ORDER BY number

-- name: load_overtaking
-- The newest load that replaced a file of loads first to last, or came after one of them was given up; NULL: none did.
SELECT MAX(l.number) AS number FROM {ops}load AS l
WHERE l.dataset = :dataset AND l.number > :last
  AND (
      EXISTS (
          SELECT 1 FROM {ops}file AS f
          WHERE f.dataset = l.dataset AND f.replaced_by = l.number AND f.load_number BETWEEN :first AND :last
      )
      OR EXISTS (
          SELECT 1 FROM {ops}load AS a
          WHERE a.dataset = l.dataset AND a.number BETWEEN :first AND :last AND a.status = 'abandoned'
      )
  )

-- name: chunks_retry_failed
-- A failed chunk gets one more try per start of a load; its count of crashes stays near the limit.
UPDATE {ops}chunk SET state = 'ready', worker = NULL, error = NULL, crashes = CASE WHEN crashes > 2 THEN 2 ELSE crashes END
WHERE dataset = :dataset AND state = 'failed'

-- name: load_chunks
SELECT number, state FROM {ops}chunk WHERE dataset = :dataset AND load_number = :load_number AND state <> 'dropped'
ORDER BY number

-- name: work_left
-- How the chunks of open loads stand: an empty claim is not "finished".
SELECT c.load_number, c.state, COUNT(*) AS chunks
FROM {ops}chunk AS c
JOIN {ops}load AS l ON l.dataset = c.dataset AND l.number = c.load_number
WHERE c.dataset = :dataset AND l.status = 'open'
GROUP BY c.load_number, c.state

-- name: chunks_waiting
-- Chunks that are planned and not written, also those of a load that was stopped.
SELECT COUNT(*) AS chunks
FROM {ops}chunk AS c
JOIN {ops}load AS l ON l.dataset = c.dataset AND l.number = c.load_number
WHERE c.dataset = :dataset AND l.status IN ('open', 'stopped') AND c.state IN ('ready', 'claimed', 'failed')

-- name: open_loads
SELECT number, kind FROM {ops}load WHERE dataset = :dataset AND status = 'open' ORDER BY number

-- name: datasets_with_work
SELECT DISTINCT dataset FROM {ops}load WHERE status IN ('open', 'stopped') ORDER BY dataset

-- name: load_lines
-- Physical lines of a load's chunks: what a share of rejects is a share of.
SELECT COALESCE(SUM("lines"), 0) AS "lines" FROM {ops}chunk
WHERE dataset = :dataset AND load_number = :load_number AND state <> 'dropped'

-- name: chunks_landed
SELECT number, epoch, rows_read, rows_inserted, rows_superseded, rows_rejected, blank_lines, comment_lines
FROM {ops}chunk WHERE dataset = :dataset AND load_number = :load_number AND state = 'landed'
ORDER BY number

-- name: unfinished_chunks
-- Beside those the load has landed: chunks whose rows may yet come between the table's and the load's.
SELECT EXISTS (
    SELECT 1 FROM {ops}chunk WHERE dataset = :dataset
    AND (state IN ('ready', 'claimed', 'failed') OR state = 'landed' AND load_number <> :load_number)
) AS found

-- name: chunks_to_remove
-- Rows of replaced versions of the files of this load, still in the table.
SELECT c.number FROM {ops}chunk AS c
JOIN {ops}file AS f ON f.dataset = c.dataset AND f.number = c.file_number
WHERE c.dataset = :dataset AND c.state = 'done' AND f.status = 'replaced'
  AND (f.replaced_by = :load_number
       OR f.uri IN (SELECT uri FROM {ops}file WHERE dataset = :dataset AND load_number = :load_number))
ORDER BY c.number

-- name: chunks_of_other_loads
SELECT number FROM {ops}chunk
WHERE dataset = :dataset AND state = 'done' AND load_number <> :load_number ORDER BY number

-- name: table_and_ledger
-- Read in one statement, so that a commit between the two cannot make them differ.
SELECT (SELECT COUNT(*) FROM {target}) AS table_rows,
       (SELECT COALESCE(SUM(rows_inserted), 0) FROM {ops}chunk WHERE dataset = :dataset AND state = 'done')
           AS ledger_rows

-- name: files_all
SELECT number, uri, version, layout FROM {ops}file WHERE dataset = :dataset ORDER BY number
