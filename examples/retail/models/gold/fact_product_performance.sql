/*---
description = "Sales a month and product. A late day touches its month, and in it the rows of the products it sold."
key = ["month", "stock_code"]
partition = { column = "month", grain = "month" }

[columns]
month = "string(7)"
stock_code = "string(20)"
description = "string(200)"
line_count = "bigint"
country_count = "bigint"
quantity = "bigint"
revenue = "decimal(15,3)"
credited = "decimal(15,3)"
---*/
SELECT
  TO_CHAR(sale_day, 'YYYY-MM') AS month,
  stock_code,
  MAX(description) AS description,
  SUM(line_count) AS line_count,
  COUNT(DISTINCT country) AS country_count,
  SUM(quantity) AS quantity,
  ROUND(SUM(revenue), 3) AS revenue,
  ROUND(SUM(credited), 3) AS credited
FROM silver.fact_sales_daily
GROUP BY TO_CHAR(sale_day, 'YYYY-MM'), stock_code
