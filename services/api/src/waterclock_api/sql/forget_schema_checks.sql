-- Forget checks of executors that nobody has announced: the read models are others than they were.
DELETE FROM schema_checks
WHERE NOT EXISTS (SELECT FROM executors WHERE executors.key = schema_checks.executor);
