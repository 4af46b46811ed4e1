-- Record broken promises; times in ms. One that is recorded already is the same.
INSERT INTO broken_promises (
    id, kind, job_id, run_id, what, attempt, first_at, last_at, instant_at, due_at, at, position
)
SELECT
    id, kind, job_id, run_id, what, attempt,
    to_timestamp(coalesce(instant, due, at) / 1000.0), to_timestamp(coalesce(last, instant, due, at) / 1000.0),
    to_timestamp(instant / 1000.0), to_timestamp(due / 1000.0), to_timestamp(at / 1000.0), position
FROM unnest(
    %(ids)s::text[], %(kinds)s::text[], %(jobs)s::text[], %(runs)s::text[], %(whats)s::text[], %(attempts)s::int[],
    %(instants)s::bigint[], %(lasts)s::bigint[], %(dues)s::bigint[], %(ats)s::bigint[], %(positions)s::text[]
) WITH ORDINALITY AS given (id, kind, job_id, run_id, what, attempt, instant, last, due, at, position, nth)
ORDER BY nth
ON CONFLICT DO NOTHING;
