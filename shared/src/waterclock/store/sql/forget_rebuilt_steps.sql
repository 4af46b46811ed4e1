-- Delete from rebuilt tables the steps of runs that are forgotten, or whose first events are.
DELETE FROM steps
WHERE EXISTS (SELECT FROM forgotten) AND NOT EXISTS (SELECT FROM runs WHERE runs.run_id = steps.run_id);
