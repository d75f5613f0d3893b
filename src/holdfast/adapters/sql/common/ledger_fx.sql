-- Exchange rates in the ledger. Nothing in fx_quote is ever changed or removed: a correction is a further revision.

-- name: ledger_4_fx_quote
-- `raw` is the quote as delivered and the truth; `rate` is the same number for queries, as exact as the engine holds it.
CREATE TABLE {ops}fx_quote (
    provider VARCHAR(32) NOT NULL,
    base VARCHAR(3) NOT NULL,
    quote VARCHAR(3) NOT NULL,
    rate_date DATE NOT NULL,
    revision INTEGER NOT NULL,
    rate DECIMAL(38,18) NOT NULL,
    raw VARCHAR(64) NOT NULL,
    as_of {timestamp},
    is_final {boolean} NOT NULL,
    fetched_at {timestamp} NOT NULL,
    run_id VARCHAR(26) NOT NULL,
    PRIMARY KEY (provider, base, quote, rate_date, revision)
)

-- name: ledger_4_fx_no_data
CREATE TABLE {ops}fx_no_data (
    provider VARCHAR(32) NOT NULL,
    rate_date DATE NOT NULL,
    currency VARCHAR(3) NOT NULL,
    is_final {boolean} NOT NULL,
    noted_at {timestamp} NOT NULL,
    run_id VARCHAR(26) NOT NULL,
    PRIMARY KEY (provider, rate_date, currency)
)

-- name: ledger_4_fx_quota
-- Calls are counted before they are made: one that failed, or whose process died, may have cost quota too.
CREATE TABLE {ops}fx_quota (
    provider VARCHAR(32) NOT NULL,
    quota_month VARCHAR(7) NOT NULL,
    calls INTEGER NOT NULL,
    exhausted_until {timestamp},
    reason VARCHAR(255),
    range_refused {boolean} NOT NULL,
    PRIMARY KEY (provider, quota_month)
)

-- name: ledger_4_fx_lease
-- One fetch a provider at a time. The holder is checked under this row's lock in the transaction that stores rates.
CREATE TABLE {ops}fx_lease (
    lease_name VARCHAR(32) NOT NULL PRIMARY KEY,
    holder VARCHAR(32),
    process VARCHAR(500),
    lease_until {timestamp} NOT NULL
)
