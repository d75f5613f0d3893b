-- name: ledger_6_change_by_key
-- By its hash: a key may be longer than a page of an ordered index.
CREATE INDEX {ops_index}change_by_key ON {ops}change USING hash (row_key)
