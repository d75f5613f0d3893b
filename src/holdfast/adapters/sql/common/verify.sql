-- What `verify` must know of the ledger before it reads the sources again.

-- name: ledger_10_reject_mended
-- The values a mended row was loaded with, as JSON: no source says them.
ALTER TABLE {ops}reject ADD COLUMN mended TEXT

-- name: verify_chunks
-- Every chunk that is, or may yet come to be, in the table.
SELECT number, load_number, file_number, ordinal, span_start, span_end, span_hash, first_line, epoch, place, state,
       rows_read, rows_inserted, rows_rejected
FROM {ops}chunk WHERE dataset = :dataset AND state <> 'dropped' ORDER BY number

-- name: verify_files
SELECT number, load_number, uri, version, content_hash, size_bytes, modified, layout, status
FROM {ops}file WHERE dataset = :dataset ORDER BY number

-- name: verify_mended
-- Rows that were rejected, mended and loaded: what they say is not in the source, but here.
SELECT origin, mended FROM {ops}reject WHERE dataset = :dataset AND status = 'replayed' AND origin > :after
ORDER BY origin LIMIT :most
