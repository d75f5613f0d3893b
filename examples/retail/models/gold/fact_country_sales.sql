/*---
description = "Sales a month and country"
key = ["month", "country"]
partition = { column = "month", grain = "month" }

[columns]
month = "string(7)"
country = "string(60)"
line_count = "bigint"
product_count = "bigint"
quantity = "bigint"
revenue = "decimal(15,3)"
credited = "decimal(15,3)"
---*/
SELECT
  TO_CHAR(sale_day, 'YYYY-MM') AS month,
  country,
  SUM(line_count) AS line_count,
  COUNT(DISTINCT stock_code) AS product_count,
  SUM(quantity) AS quantity,
  ROUND(SUM(revenue), 3) AS revenue,
  ROUND(SUM(credited), 3) AS credited
FROM silver.fact_sales_daily
GROUP BY TO_CHAR(sale_day, 'YYYY-MM'), country
