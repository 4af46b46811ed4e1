-- How many messages of some channels could have gone out for so many seconds, and nobody has taken them: the first of each
-- subject, where nothing that stands for many comes before it.
SELECT count(*)
FROM (
    SELECT
        due_at, claimed_until, subject,
        row_number() OVER (PARTITION BY channel, subject ORDER BY number) AS nth_of_subject,
        count(*) FILTER (WHERE subject = '*') OVER (PARTITION BY channel ORDER BY number) AS digests_before
    FROM notice_deliveries
    WHERE state = 'waiting' AND channel = ANY (%(channels)s::text[])
) AS waiting
WHERE nth_of_subject = 1
  AND (digests_before = 0 OR subject = '*')
  AND greatest(due_at, claimed_until) <= clock_timestamp() - make_interval(secs => %(after)s::float8);
