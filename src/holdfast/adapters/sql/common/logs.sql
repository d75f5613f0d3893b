-- What runs logged.

-- name: log_add
INSERT INTO {ops}log (id, logged_at, level, message, logger, pipeline_name, run_id, module, function_name, line_number,
                      metadata)
VALUES (:id, {ago:ago_s}, :level, :message, :logger, :pipeline_name, :run_id, :module, :function_name, :line_number,
        :metadata)

-- name: logs_latest
-- The latest lines; '' asks for any run, any pipeline. `rank_min` leaves out what is less than that level.
SELECT id, logged_at, level, message, logger, pipeline_name, run_id, module, function_name, line_number, metadata
FROM {ops}log
WHERE (:run_id = '' OR run_id = :run_id)
  AND (:pipeline_name = '' OR pipeline_name = :pipeline_name)
  AND CASE level WHEN 'debug' THEN 0 WHEN 'info' THEN 1 WHEN 'warning' THEN 2 WHEN 'error' THEN 3 ELSE 4 END >= :rank_min
ORDER BY logged_at DESC, id DESC
LIMIT :most
