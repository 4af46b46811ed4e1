-- Whether our tables are there, by those that everything is read from.
SELECT to_regclass('migrations') IS NOT NULL AND to_regclass('jobs') IS NOT NULL AND to_regclass('runs') IS NOT NULL;
