-- name: page_done
-- With the page's rows: what it was, and what it leaves behind for the extraction after this one.
UPDATE {ops}chunk SET place = :place, span_hash = :span_hash, "lines" = :lines
WHERE dataset = :dataset AND number = :number AND epoch = :epoch

-- name: page_again
-- The next page of an extraction that was started over: its number was taken before.
UPDATE {ops}chunk SET place = :place, span_hash = '', "lines" = 0, state = 'ready', worker = NULL, error = NULL
WHERE dataset = :dataset AND number = :number AND state = 'dropped'

-- name: pages_start_over
-- What landed is to be loaded again: from the first page on, which leads to the others anew.
UPDATE {ops}chunk SET state = 'dropped', epoch = epoch + 1
WHERE dataset = :dataset AND load_number = :load_number AND place IS NOT NULL AND ordinal > 0 AND state <> 'dropped'

-- name: page_last
-- The last page of the latest finished extraction from an address: where the next one begins.
SELECT c.place FROM {ops}chunk AS c
JOIN {ops}load AS l ON l.dataset = c.dataset AND l.number = c.load_number
JOIN {ops}file AS f ON f.dataset = c.dataset AND f.number = c.file_number
WHERE c.dataset = :dataset AND f.uri = :uri AND l.status = 'done' AND c.state = 'done' AND c.place IS NOT NULL
ORDER BY c.number DESC LIMIT 1

-- name: page_first
-- The number of an extraction's first page, and how many of its pages are written.
SELECT MIN(number) AS number, SUM(CASE WHEN state IN ('done', 'landed') THEN 1 ELSE 0 END) AS written
FROM {ops}chunk WHERE dataset = :dataset AND file_number = :file_number

-- name: file_rejects_drop
-- A new extraction says these rows anew.
UPDATE {ops}reject SET status = 'dropped'
WHERE dataset = :dataset AND file_number = :file_number AND status = 'open'

-- name: page_warnings
-- What a run's pages had to say.
SELECT number, ordinal, place FROM {ops}chunk
WHERE dataset = :dataset AND run_id = :run_id AND place LIKE :pattern ORDER BY number

-- name: page_lost
-- The API does not know the page's place any more: the extraction is given up by the next load.
UPDATE {ops}chunk SET place = :place
WHERE dataset = :dataset AND number = :number AND epoch = :epoch AND state = 'claimed'

-- name: pages_lost
SELECT COUNT(*) AS pages FROM {ops}chunk
WHERE dataset = :dataset AND load_number = :load_number AND state <> 'dropped' AND place LIKE :pattern

-- name: page_of
-- Which page of its extraction a chunk is, from 0; no row where it is none.
SELECT ordinal FROM {ops}chunk WHERE dataset = :dataset AND number = :number AND place IS NOT NULL
