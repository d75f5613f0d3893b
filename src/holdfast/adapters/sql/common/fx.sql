-- What fetching exchange rates reads and writes.

-- name: fx_now
SELECT {now} AS now

-- name: fx_quotes_latest
-- The newest revision of every quote of a span of days.
SELECT q.base, q.quote, q.rate_date, q.revision, q.raw, q.as_of, q.is_final
FROM {ops}fx_quote AS q
WHERE q.provider = :provider AND q.rate_date >= :first_day AND q.rate_date <= :last_day
  AND q.revision = (
      SELECT MAX(n.revision) FROM {ops}fx_quote AS n
      WHERE n.provider = q.provider AND n.base = q.base AND n.quote = q.quote AND n.rate_date = q.rate_date
  )
ORDER BY q.rate_date, q.base, q.quote

-- name: fx_quote_add
INSERT INTO {ops}fx_quote (provider, base, quote, rate_date, revision, rate, raw, as_of, is_final, fetched_at, run_id)
VALUES (:provider, :base, :quote, :rate_date, :revision, CAST(:rate AS DECIMAL(38,18)), :raw, :as_of, :is_final, {now},
        :run_id)

-- name: fx_quotes_span
SELECT MIN(rate_date) AS first_day, MAX(rate_date) AS last_day FROM {ops}fx_quote WHERE provider = :provider

-- name: fx_no_data_days
SELECT rate_date, currency, is_final FROM {ops}fx_no_data
WHERE provider = :provider AND rate_date >= :first_day AND rate_date <= :last_day

-- name: fx_no_data_clear
DELETE FROM {ops}fx_no_data WHERE provider = :provider AND rate_date = :rate_date AND currency = :currency

-- name: fx_no_data_add
INSERT INTO {ops}fx_no_data (provider, rate_date, currency, is_final, noted_at, run_id)
VALUES (:provider, :rate_date, :currency, :is_final, {now}, :run_id)

-- name: fx_lease_add
INSERT INTO {ops}fx_lease (lease_name, lease_until)
SELECT :lease_name, {now} FROM (SELECT 1 AS one) AS o
WHERE NOT EXISTS (SELECT 1 FROM {ops}fx_lease WHERE lease_name = :known_name)

-- name: fx_lease_lock
SELECT holder, process, CASE WHEN lease_until > {now} THEN 1 ELSE 0 END AS is_held
FROM {ops}fx_lease WHERE lease_name = :lease_name {for_update}

-- name: fx_lease_hold
UPDATE {ops}fx_lease SET holder = :holder, process = :process, lease_until = {later:lease_s} WHERE lease_name = :lease_name

-- name: fx_lease_free
UPDATE {ops}fx_lease SET holder = NULL, process = NULL, lease_until = {now} WHERE lease_name = :lease_name AND holder = :holder

-- name: fx_quota_exhausted
SELECT quota_month, exhausted_until, reason FROM {ops}fx_quota
WHERE provider = :provider AND exhausted_until > {now}
ORDER BY exhausted_until DESC

-- name: fx_quota_of
SELECT calls, range_refused FROM {ops}fx_quota WHERE provider = :provider AND quota_month = :quota_month

-- name: fx_quota_open
INSERT INTO {ops}fx_quota (provider, quota_month, calls, range_refused)
VALUES (:provider, :quota_month, 0, :range_refused)

-- name: fx_quota_count
UPDATE {ops}fx_quota SET calls = calls + 1 WHERE provider = :provider AND quota_month = :quota_month

-- name: fx_quota_give_back
-- A call that was counted, but not made: the breaker or the source's own limit kept it back.
UPDATE {ops}fx_quota SET calls = calls - 1 WHERE provider = :provider AND quota_month = :quota_month AND calls > 0

-- name: fx_quota_exhaust
UPDATE {ops}fx_quota SET exhausted_until = {later:wait_s}, reason = :reason
WHERE provider = :provider AND quota_month = :quota_month

-- name: fx_quota_reopen
UPDATE {ops}fx_quota SET exhausted_until = NULL, reason = NULL WHERE provider = :provider

-- name: fx_quota_range
UPDATE {ops}fx_quota SET range_refused = :range_refused WHERE provider = :provider AND quota_month = :quota_month

-- name: fx_status_quotes
-- Per provider and pair, over the newest revisions.
SELECT q.provider, q.base, q.quote, COUNT(*) AS days, MIN(q.rate_date) AS first_day, MAX(q.rate_date) AS last_day,
       SUM(CASE WHEN q.is_final THEN 0 ELSE 1 END) AS not_final,
       SUM(q.revision - 1) AS revisions
FROM {ops}fx_quote AS q
WHERE q.revision = (
    SELECT MAX(n.revision) FROM {ops}fx_quote AS n
    WHERE n.provider = q.provider AND n.base = q.base AND n.quote = q.quote AND n.rate_date = q.rate_date
)
GROUP BY q.provider, q.base, q.quote
ORDER BY q.provider, q.base, q.quote

-- name: fx_status_no_data
SELECT provider, currency, COUNT(*) AS days, MIN(rate_date) AS first_day, MAX(rate_date) AS last_day
FROM {ops}fx_no_data GROUP BY provider, currency ORDER BY provider, currency

-- name: fx_status_quota
SELECT provider, quota_month, calls, exhausted_until, reason, range_refused,
       CASE WHEN exhausted_until > {now} THEN 1 ELSE 0 END AS is_exhausted
FROM {ops}fx_quota ORDER BY provider, quota_month

-- name: fx_used_pairs
-- Which days and currencies a table has, and in how many rows.
SELECT {key}, COUNT(*) AS table_rows FROM {target} GROUP BY {key} ORDER BY {key}
