-- What the common DDL cannot say here: `lines` is a word of the language, and an index cannot be over a part of the rows.

-- name: ledger_1_chunk
CREATE TABLE {ops}chunk (
    dataset VARCHAR(63) NOT NULL,
    number BIGINT NOT NULL,
    load_number INTEGER NOT NULL,
    file_number INTEGER NOT NULL,
    ordinal INTEGER NOT NULL,
    span_start BIGINT NOT NULL,
    span_end BIGINT NOT NULL,
    span_hash VARCHAR(64) NOT NULL,
    first_line BIGINT NOT NULL,
    "lines" BIGINT NOT NULL,
    state VARCHAR(8) NOT NULL CHECK (state IN ('ready', 'claimed', 'landed', 'done', 'failed', 'dropped')),
    epoch INTEGER DEFAULT 0 NOT NULL,
    worker VARCHAR(63),
    attempts INTEGER DEFAULT 0 NOT NULL,
    crashes INTEGER DEFAULT 0 NOT NULL,
    run_id VARCHAR(26),
    way VARCHAR(8) CHECK (way IN ('direct', 'merge', 'landing')),
    rows_read BIGINT DEFAULT 0 NOT NULL,
    rows_inserted BIGINT DEFAULT 0 NOT NULL,
    rows_updated BIGINT DEFAULT 0 NOT NULL,
    rows_unchanged BIGINT DEFAULT 0 NOT NULL,
    rows_superseded BIGINT DEFAULT 0 NOT NULL,
    rows_rejected BIGINT DEFAULT 0 NOT NULL,
    blank_lines BIGINT DEFAULT 0 NOT NULL,
    comment_lines BIGINT DEFAULT 0 NOT NULL,
    started_at {timestamp},
    committed_at {timestamp},
    error TEXT,
    PRIMARY KEY (dataset, number),
    CHECK (span_start <= span_end),
    CONSTRAINT every_row_has_one_fate CHECK (
        state <> 'done'
        OR rows_read = rows_inserted + rows_updated + rows_unchanged + rows_superseded + rows_rejected
    )
)

-- name: ledger_1_chunk_unfinished
-- Claiming must cost the same however much is done: a column that is NULL for what is done, and an index over it.
ALTER TABLE {ops}chunk
    ADD COLUMN unfinished BIGINT GENERATED ALWAYS AS (CASE WHEN state IN ('ready', 'claimed') THEN number END) STORED,
    ADD INDEX {ops_index}chunk_unfinished (dataset, unfinished)
