-- What deliveries had other than their contracts, and what was done about it.

-- name: ledger_5_drift
-- `rule` is the contract's column as it is since then, as JSON, where the difference was applied.
CREATE TABLE {ops}drift (
    id VARCHAR(40) NOT NULL PRIMARY KEY,
    dataset VARCHAR(63) NOT NULL,
    run_id VARCHAR(26) NOT NULL,
    uri VARCHAR(2000) NOT NULL,
    kind VARCHAR(16) NOT NULL,
    column_name VARCHAR(255) NOT NULL,
    field VARCHAR(2000) NOT NULL,
    detail TEXT NOT NULL,
    confidence VARCHAR(8) NOT NULL,
    action VARCHAR(16) NOT NULL,
    rule TEXT,
    seen_at {timestamp} NOT NULL
)

-- name: drift_told
-- A difference that came before is not told again, but of every file that is refused for it; and what is applied is
-- remembered by its rule: a column may be widened more than once.
SELECT COUNT(*) AS told FROM {ops}drift
WHERE dataset = :dataset AND kind = :kind AND column_name = :column_name AND field = :field AND action = :action
  AND (uri = :uri OR action <> 'refused') AND (action <> 'applied' OR rule = :rule)

-- name: drift_add
INSERT INTO {ops}drift (id, dataset, run_id, uri, kind, column_name, field, detail, confidence, action, rule, seen_at)
VALUES (:id, :dataset, :run_id, :uri, :kind, :column_name, :field, :detail, :confidence, :action, :rule, {now})

-- name: drift_applied
SELECT kind, column_name, field, rule FROM {ops}drift WHERE dataset = :dataset AND action = 'applied' ORDER BY seen_at, id

-- name: drift_history
SELECT d.id, d.dataset, d.run_id, d.uri, d.kind, d.column_name, d.field, d.detail, d.confidence, d.action, d.seen_at
FROM {ops}drift AS d WHERE :dataset = '' OR d.dataset = :dataset ORDER BY d.seen_at DESC, d.id DESC LIMIT :most
