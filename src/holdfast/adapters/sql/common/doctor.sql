-- name: server_facts
-- What `holdfast doctor` says of the server itself: one row a fact; `good` 0 where a load would be refused or go wrong;
-- `hint`: what to do. An engine that has nothing to set gives none.
SELECT '' AS what, 1 AS good, '' AS found, '' AS hint WHERE 1 = 0
