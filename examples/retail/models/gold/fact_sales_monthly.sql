/*---
description = "Sales a month"
key = ["month"]
partition = { column = "month", grain = "month" }

[columns]
month = "string(7)"
line_count = "bigint"
lines_without_customer = "bigint"
quantity = "bigint"
revenue = "decimal(15,3)"
credited = "decimal(15,3)"
---*/
SELECT
  TO_CHAR(sale_day, 'YYYY-MM') AS month,
  SUM(line_count) AS line_count,
  SUM(lines_without_customer) AS lines_without_customer,
  SUM(quantity) AS quantity,
  ROUND(SUM(revenue), 3) AS revenue,
  ROUND(SUM(credited), 3) AS credited
FROM silver.fact_sales_daily
GROUP BY TO_CHAR(sale_day, 'YYYY-MM')
