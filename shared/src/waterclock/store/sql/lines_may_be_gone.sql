-- Whether the lines of an entry were deleted as they may be: its job's logs were cleared later, or its run is forgotten.
SELECT
    EXISTS (
        SELECT
        FROM events
        WHERE job_id = %(job_id)s::text
          AND type = 'logs.cleared'
          AND (epoch, seq) > (%(epoch)s::bigint, %(seq)s::bigint)
    )
    OR NOT EXISTS (SELECT FROM runs WHERE run_id = %(run_id)s::text);
