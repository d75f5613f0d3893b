/*---
# A table that is made of others: `holdfast build` writes it, and later only the months whose bills changed.
# The target is the path: gold.revenue_monthly, which SQLite and MariaDB, having no schemas, call gold_revenue_monthly.
description = "Revenue a month and currency"
key = ["month", "currency"]
partition = { column = "month", grain = "month" }

[columns]
month = "string(7)"
currency = "string(3)"
bill_count = "bigint"
product1_revenue = "decimal(15,2)"
product2_revenue = "decimal(15,2)"
---*/
SELECT
  TO_CHAR(date, 'YYYY-MM') AS month,      -- PostgreSQL's SQL; on another engine it is translated
  currency,
  COUNT(*) AS bill_count,
  ROUND(SUM(product1_revenue), 2) AS product1_revenue,
  ROUND(SUM(product2_revenue), 2) AS product2_revenue
FROM usage_data
GROUP BY TO_CHAR(date, 'YYYY-MM'), currency
