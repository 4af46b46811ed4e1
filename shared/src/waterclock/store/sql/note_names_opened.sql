-- Note the epoch in which the names of jobs are open, as the log has answered.
INSERT INTO openings_of_names AS known (opening, opened)
VALUES (%(epoch)s::bigint, %(epoch)s::bigint)
ON CONFLICT (one) DO UPDATE SET opened = excluded.opened WHERE known.opened < excluded.opened;
