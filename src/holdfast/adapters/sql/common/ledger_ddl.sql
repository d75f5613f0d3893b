-- The ledger's tables. Names of statements: ledger_<version>_<step>, run in the order migrate.py lists.
-- Numbers of files, chunks and loads count up within a dataset, so a chunk's number (and with it `_origin`) depends on the
-- order of registration only, never on which worker was faster.

-- name: ledger_1_migration
CREATE TABLE {ops}migration (
    version INTEGER NOT NULL PRIMARY KEY,
    checksum VARCHAR(64) NOT NULL,
    applied_at {timestamp} NOT NULL
)

-- name: ledger_1_dataset
-- One row a dataset: its counters, and the row planners lock so that two of them agree.
CREATE TABLE {ops}dataset (
    name VARCHAR(63) NOT NULL PRIMARY KEY,
    table_name VARCHAR(255) NOT NULL UNIQUE,
    next_load INTEGER NOT NULL,
    next_file INTEGER NOT NULL,
    next_chunk BIGINT NOT NULL
)

-- name: ledger_1_run
CREATE TABLE {ops}run (
    id VARCHAR(26) NOT NULL PRIMARY KEY,
    dataset VARCHAR(63) NOT NULL,
    command VARCHAR(32) NOT NULL,
    run_key VARCHAR(255),
    host VARCHAR(255) NOT NULL,
    pid INTEGER NOT NULL,
    status VARCHAR(16) NOT NULL CHECK (status IN ('running', 'done', 'failed', 'interrupted')),
    exit_code INTEGER,
    error TEXT,
    started_at {timestamp} NOT NULL,
    ended_at {timestamp}
)

-- name: ledger_1_load
-- What one plan found to do: its budget of rejects, and whether it becomes visible chunk by chunk or whole. The contract is
-- kept as it was when the plan was made, so that workers anywhere read the bytes alike.
CREATE TABLE {ops}load (
    dataset VARCHAR(63) NOT NULL,
    number INTEGER NOT NULL,
    kind VARCHAR(8) NOT NULL CHECK (kind IN ('chunk', 'load', 'replace')),
    status VARCHAR(16) NOT NULL CHECK (status IN ('open', 'done', 'stopped', 'abandoned')),
    rejects_max BIGINT,
    contract TEXT NOT NULL,
    run_id VARCHAR(26) NOT NULL,
    rows_removed BIGINT DEFAULT 0 NOT NULL,
    ended_by VARCHAR(26),
    error TEXT,
    created_at {timestamp} NOT NULL,
    ended_at {timestamp},
    PRIMARY KEY (dataset, number)
)

-- name: ledger_1_file
-- One row a version of a file, pinned by its content. `layout` is how it is written: header, line ends, where data begins.
CREATE TABLE {ops}file (
    dataset VARCHAR(63) NOT NULL,
    number INTEGER NOT NULL,
    load_number INTEGER NOT NULL,
    uri VARCHAR(2000) NOT NULL,
    version INTEGER NOT NULL,
    content_hash VARCHAR(64) NOT NULL,
    size_bytes BIGINT NOT NULL,
    modified VARCHAR(64) NOT NULL,
    layout TEXT NOT NULL,
    status VARCHAR(16) NOT NULL CHECK (status IN ('current', 'replaced')),
    replaced_by INTEGER,
    registered_at {timestamp} NOT NULL,
    PRIMARY KEY (dataset, number)
)

-- name: ledger_1_file_by_content
-- "Are these bytes known?" is asked of every file of every load.
CREATE INDEX {ops_index}file_by_content ON {ops}file (dataset, content_hash)

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
    lines BIGINT NOT NULL,
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
-- Claiming must cost the same however much is done.
CREATE INDEX {ops_index}chunk_unfinished ON {ops}chunk (dataset, number) WHERE state IN ('ready', 'claimed')

-- name: ledger_1_chunk_by_load
CREATE INDEX {ops_index}chunk_by_load ON {ops}chunk (dataset, load_number, state)

-- name: ledger_1_chunk_by_file
CREATE INDEX {ops_index}chunk_by_file ON {ops}chunk (dataset, file_number)

-- name: ledger_1_reject
CREATE TABLE {ops}reject (
    dataset VARCHAR(63) NOT NULL,
    origin BIGINT NOT NULL,
    file_number INTEGER NOT NULL,
    line BIGINT NOT NULL,
    byte_offset BIGINT NOT NULL,
    byte_length BIGINT NOT NULL,
    code VARCHAR(32) NOT NULL,
    reasons TEXT NOT NULL,
    raw TEXT NOT NULL,
    status VARCHAR(8) NOT NULL CHECK (status IN ('open', 'replayed', 'dropped')),
    run_id VARCHAR(26) NOT NULL,
    rejected_at {timestamp} NOT NULL,
    PRIMARY KEY (dataset, origin)
)

-- name: ledger_1_worker
-- The lease lives here, not in the chunk row: a heartbeat must never wait for a commit that holds the chunk's lock.
CREATE TABLE {ops}worker (
    id VARCHAR(63) NOT NULL PRIMARY KEY,
    run_id VARCHAR(26) NOT NULL,
    place VARCHAR(255) NOT NULL,
    pid INTEGER NOT NULL,
    process_start VARCHAR(64) NOT NULL,
    started_at {timestamp} NOT NULL,
    lease_until {timestamp} NOT NULL
)

-- name: ledger_2_chunk_place
-- Where a chunk that is no span of bytes begins: the cursor of an API's page, as JSON.
ALTER TABLE {ops}chunk ADD COLUMN place TEXT
