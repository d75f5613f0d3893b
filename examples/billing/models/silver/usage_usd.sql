/*---
description = "Each product's revenue in USD, at the last rate on or before the day; rate_date says which. NULL: no rate."
key = ["date", "bill_id"]
partition = { column = "date", grain = "day" }

[inputs.fx_rates]
lookback_days = 7      # over a weekend, or a few holidays, Friday's rate holds; an older one is none

[columns]
date = "date"
bill_id = "bigint"
currency = "string(3)"
rate_date = "date"
rate_to_usd = "decimal(15,10)"
product1_revenue = "decimal(15,2)"
product1_usd = "decimal(15,6)"
product2_revenue = "decimal(15,2)"
product2_usd = "decimal(15,6)"
---*/
WITH asked AS (
  SELECT DISTINCT date, currency FROM usage_data
), latest AS (
  SELECT a.date, a.currency, MAX(r.rate_date) AS rate_date
  FROM asked AS a
  JOIN fx_rates AS r ON r.currency = a.currency AND r.rate_date <= a.date
  GROUP BY a.date, a.currency
)
SELECT
  u.date,
  u.bill_id,
  u.currency,
  r.rate_date,
  ROUND(r.rate_to_usd, 10) AS rate_to_usd,
  u.product1_revenue,
  ROUND(u.product1_revenue * r.rate_to_usd, 6) AS product1_usd,
  u.product2_revenue,
  ROUND(u.product2_revenue * r.rate_to_usd, 6) AS product2_usd
FROM usage_data AS u
LEFT JOIN latest AS l ON l.date = u.date AND l.currency = u.currency
LEFT JOIN fx_rates AS r ON r.currency = l.currency AND r.rate_date = l.rate_date
