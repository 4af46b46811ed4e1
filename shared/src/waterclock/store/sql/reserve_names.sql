-- Reserve a new epoch for the names of jobs, later than any that the store or the log (`above`) knows.
INSERT INTO openings_of_names AS known (opening)
VALUES (%(above)s::bigint + 1)
ON CONFLICT (one) DO UPDATE SET opening = greatest(known.opening, known.opened, %(above)s::bigint) + 1
RETURNING opening;
