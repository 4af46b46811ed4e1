-- Whether an epoch is the last that was reserved for the names of jobs.
SELECT FROM openings_of_names WHERE opening = %(opening)s::bigint;
