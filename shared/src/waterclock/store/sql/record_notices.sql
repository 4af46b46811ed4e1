-- Record notices; times in ms. One that is recorded already is the same.
INSERT INTO notices (id, at, kind, rule, job_id, run_id, document)
SELECT id, to_timestamp(at / 1000.0), kind, rule, job_id, run_id, document
FROM unnest(
    %(ids)s::text[], %(ats)s::bigint[], %(kinds)s::text[], %(rules)s::text[], %(jobs)s::text[], %(runs)s::text[],
    %(documents)s::bytea[]
) AS given (id, at, kind, rule, job_id, run_id, document)
ON CONFLICT DO NOTHING;
