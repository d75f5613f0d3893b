/*---
description = "Sales a day, product and country. Credit notes are in quantity and revenue, and in `credited` by themselves."
key = ["sale_day", "stock_code", "country"]
partition = { column = "sale_day", grain = "day" }

[columns]
sale_day = "date"
stock_code = "string(20)"
country = "string(60)"
description = "string(200)"
line_count = "bigint"
lines_without_customer = "bigint"
quantity = "bigint"
revenue = "decimal(15,3)"
credited = "decimal(15,3)"
---*/
SELECT
  CAST(invoice_date AS DATE) AS sale_day,
  stock_code,
  country,
  MAX(description) AS description,
  COUNT(*) AS line_count,
  SUM(CASE WHEN customer_id IS NULL THEN 1 ELSE 0 END) AS lines_without_customer,
  SUM(quantity) AS quantity,
  ROUND(SUM(quantity * unit_price), 3) AS revenue,
  ROUND(SUM(CASE WHEN invoice_no LIKE 'C%' THEN quantity * unit_price ELSE 0 END), 3) AS credited
FROM bronze.raw_transactions
GROUP BY CAST(invoice_date AS DATE), stock_code, country
