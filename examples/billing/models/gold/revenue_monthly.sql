/*---
description = "Revenue a month, currency and product"
key = ["month", "currency", "product"]
partition = { column = "month", grain = "month" }

[columns]
month = "string(7)"
currency = "string(3)"
product = "string(20)"
bill_count = "bigint"
bills_without_rate = "bigint"
revenue = "decimal(15,2)"
revenue_usd = "decimal(15,2)"
---*/
SELECT
  TO_CHAR(date, 'YYYY-MM') AS month,
  currency,
  product,
  SUM(bill_count) AS bill_count,
  SUM(bills_without_rate) AS bills_without_rate,
  ROUND(SUM(revenue), 2) AS revenue,
  ROUND(SUM(revenue_usd), 2) AS revenue_usd
FROM gold.revenue_daily
GROUP BY TO_CHAR(date, 'YYYY-MM'), currency, product
