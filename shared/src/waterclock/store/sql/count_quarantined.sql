-- Count the events that nobody can read, but for those that are known.
SELECT count(*) FROM quarantine WHERE known_at IS NULL;
