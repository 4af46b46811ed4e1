-- Delete from rebuilt tables the runs that are forgotten.
DELETE FROM runs USING forgotten WHERE forgotten.what = runs.status AND runs.finished_at < forgotten.before;
