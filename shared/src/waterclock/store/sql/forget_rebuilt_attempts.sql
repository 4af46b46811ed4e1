-- Delete from rebuilt tables the attempts of runs that are forgotten, or whose first events are.
DELETE FROM attempts
WHERE EXISTS (SELECT FROM forgotten) AND NOT EXISTS (SELECT FROM runs WHERE runs.run_id = attempts.run_id);
