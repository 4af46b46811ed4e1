-- Count the lines of a run from the beginning of its log (epoch, seq) through a place, and read where the last of them stands;
-- nothing where there are none. An index alone is read: 7 ms for 100 000 lines.
SELECT
    last.epoch, last.seq, last.line,
    (
        SELECT count(*)
        FROM log_lines
        WHERE run_id = %(run_id)s::text
          AND (epoch, seq, line) >= (%(from_epoch)s::bigint, %(from_seq)s::bigint, -1)
          AND (epoch, seq, line) <= (last.epoch, last.seq, last.line)
    ) AS lines
FROM (
    SELECT epoch, seq, line
    FROM log_lines
    WHERE run_id = %(run_id)s::text
      AND (epoch, seq, line) >= (%(from_epoch)s::bigint, %(from_seq)s::bigint, -1)
      AND (epoch, seq, line) <= (%(epoch)s::bigint, %(seq)s::bigint, %(line)s::int)
    ORDER BY epoch DESC, seq DESC, line DESC
    LIMIT 1
) AS last;
