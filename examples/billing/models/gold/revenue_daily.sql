/*---
description = "Revenue a day, currency and product; in USD to six decimals, so that a month is rounded once"
key = ["date", "currency", "product"]
partition = { column = "date", grain = "day" }

[columns]
date = "date"
currency = "string(3)"
product = "string(20)"
bill_count = "bigint"
bills_without_rate = "bigint"
revenue = "decimal(15,2)"
revenue_usd = "decimal(15,6)"
---*/
SELECT
  date,
  currency,
  product,
  COUNT(*) AS bill_count,
  SUM(CASE WHEN usd IS NULL THEN 1 ELSE 0 END) AS bills_without_rate,
  ROUND(SUM(revenue), 2) AS revenue,
  ROUND(SUM(usd), 6) AS revenue_usd
FROM (
  SELECT date, currency, 'product1' AS product, product1_revenue AS revenue, product1_usd AS usd FROM silver.usage_usd
  UNION ALL
  SELECT date, currency, 'product2' AS product, product2_revenue AS revenue, product2_usd AS usd FROM silver.usage_usd
) AS sold
GROUP BY date, currency, product
