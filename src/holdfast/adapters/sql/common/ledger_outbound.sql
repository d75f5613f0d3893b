-- name: ledger_3_outbound
-- One row a source that is called: its next slot, its breaker (times in microseconds since 1970), and sums.
CREATE TABLE {ops}outbound (
    source VARCHAR(63) NOT NULL PRIMARY KEY,
    slot_us BIGINT NOT NULL,
    failures_in_row INTEGER NOT NULL,
    open_until_us BIGINT NOT NULL,
    calls BIGINT NOT NULL,
    retries BIGINT NOT NULL,
    waits BIGINT NOT NULL,
    waited_us BIGINT NOT NULL,
    failed_connect BIGINT NOT NULL,
    failed_timeout BIGINT NOT NULL,
    failed_cut BIGINT NOT NULL,
    failed_status BIGINT NOT NULL,
    failed_limited BIGINT NOT NULL,
    failed_refused BIGINT NOT NULL,
    last_status INTEGER,
    last_call_at {timestamp}
)

-- name: outbound_add
INSERT INTO {ops}outbound
    (source, slot_us, failures_in_row, open_until_us, calls, retries, waits, waited_us,
     failed_connect, failed_timeout, failed_cut, failed_status, failed_limited, failed_refused)
VALUES (:source, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)

-- name: outbound_get
SELECT slot_us, failures_in_row, open_until_us, {now_us} AS now_us FROM {ops}outbound WHERE source = :source

-- name: outbound_lock
-- Held for as long as it takes to write the row back; who has to wait for a slot waits outside.
SELECT slot_us, failures_in_row, open_until_us, {now_us} AS now_us FROM {ops}outbound WHERE source = :source {for_update}

-- name: outbound_set
UPDATE {ops}outbound
SET slot_us = :slot_us, failures_in_row = :failures_in_row, open_until_us = :open_until_us
WHERE source = :source

-- name: outbound_count
UPDATE {ops}outbound
SET calls = calls + :calls, retries = retries + :retries, waits = waits + :waits, waited_us = waited_us + :waited_us,
    failed_connect = failed_connect + :failed_connect, failed_timeout = failed_timeout + :failed_timeout,
    failed_cut = failed_cut + :failed_cut, failed_status = failed_status + :failed_status,
    failed_limited = failed_limited + :failed_limited, failed_refused = failed_refused + :failed_refused,
    last_status = COALESCE(:last_status, last_status), last_call_at = {now}
WHERE source = :source

-- name: outbound_list
SELECT source, slot_us, failures_in_row, open_until_us, calls, retries, waits, waited_us,
       failed_connect, failed_timeout, failed_cut, failed_status, failed_limited, failed_refused,
       last_status, last_call_at, {now_us} AS now_us
FROM {ops}outbound
ORDER BY source
