-- Delete for good some of the log lines that a job's runs wrote before its logs were cleared, oldest first; returns where the
-- last ones stood. `from` is where the lines before these ended: entries that are deleted, and not yet taken out of the index.
DELETE FROM log_lines
WHERE ctid = ANY (ARRAY(
    SELECT ctid
    FROM log_lines
    WHERE job_id = %(job_id)s::text
      AND (epoch, seq) >= (%(from_epoch)s::bigint, %(from_seq)s::bigint)
      AND (epoch, seq) <= (%(before_epoch)s::bigint, %(before_seq)s::bigint - 1)
    ORDER BY epoch, seq, line
    LIMIT %(limit)s::int
))
RETURNING epoch, seq;
