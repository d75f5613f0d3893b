-- What explanations read: the way of one row, and what was changed.

-- name: explain_chunk
-- A chunk with the version of the file it stands in now, and the run that committed it.
SELECT c.number, c.load_number, c.file_number, c.ordinal, c.span_start, c.span_end, c.span_hash, c.first_line, c.epoch,
       c.place, c.state, c.way, c.run_id, c.committed_at, f.load_number AS file_load, f.uri, f.version, f.content_hash,
       f.size_bytes, f.modified, f.layout, f.status AS file_status, l.contract
FROM {ops}chunk AS c
JOIN {ops}file AS f ON f.dataset = c.dataset AND f.number = c.file_number
JOIN {ops}load AS l ON l.dataset = c.dataset AND l.number = c.load_number
WHERE c.dataset = :dataset AND c.number = :number

-- name: explain_rejects
-- Rejects whatever became of them, in order of origin; `pattern` is what their raw text must look like.
SELECT r.origin, f.uri, f.version, f.layout, r.line, r.byte_offset, r.code, r.reasons, r.raw, r.status, r.run_id,
       r.rejected_at
FROM {ops}reject AS r
JOIN {ops}file AS f ON f.dataset = r.dataset AND f.number = r.file_number
WHERE r.dataset = :dataset AND r.origin > :after AND r.raw LIKE :pattern
ORDER BY r.origin
LIMIT :most
