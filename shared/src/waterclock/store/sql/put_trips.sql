-- Ask for jobs to be disabled by the breaker.
INSERT INTO notice_trips (id, job_id, document, state)
SELECT id, job_id, document, 'waiting'
FROM unnest(%(ids)s::text[], %(jobs)s::text[], %(documents)s::bytea[]) AS given (id, job_id, document)
ON CONFLICT DO NOTHING;
