-- Checks in the ledger: what each found, and what of it need not be looked for again.

-- name: ledger_8_check_result
-- `fingerprint`: the touches of what was read, where the answer stands as long as these stay.
CREATE TABLE {ops}check_result (
    id VARCHAR(40) NOT NULL PRIMARY KEY,
    dataset VARCHAR(255) NOT NULL,
    check_name VARCHAR(255) NOT NULL,
    kind VARCHAR(32) NOT NULL,
    severity VARCHAR(8) NOT NULL,
    status VARCHAR(8) NOT NULL CHECK (status IN ('passed', 'warned', 'failed', 'error', 'skipped')),
    failing BIGINT NOT NULL,
    expected TEXT NOT NULL,
    found TEXT NOT NULL,
    sample TEXT NOT NULL,
    sql_hash VARCHAR(64) NOT NULL,
    fingerprint VARCHAR(64),
    partitions_read INTEGER,
    run_id VARCHAR(26) NOT NULL,
    checked_at {timestamp} NOT NULL,
    duration_ms BIGINT NOT NULL
)

-- name: ledger_8_check_result_by_name
CREATE INDEX {ops_index}check_result_by_name ON {ops}check_result (dataset, check_name)

-- name: ledger_8_check_partition
-- What a check found in a partition, and under which touches: how many rows fail, the least and greatest value of them, and
-- lines of a check by day, as JSON.
CREATE TABLE {ops}check_partition (
    check_id VARCHAR(64) NOT NULL,
    partition_key VARCHAR(10) NOT NULL,
    dataset VARCHAR(255) NOT NULL,
    check_name VARCHAR(255) NOT NULL,
    fingerprint VARCHAR(64) NOT NULL,
    table_rows BIGINT NOT NULL,
    failing BIGINT NOT NULL,
    lowest TEXT,
    highest TEXT,
    found_lines TEXT,
    PRIMARY KEY (check_id, partition_key)
)
