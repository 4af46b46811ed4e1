-- Note how a heartbeat ended, by who has claimed it. Nothing said: it was taken; else it is tried again `after` s.
UPDATE notice_heartbeat
SET claimed_until = NULL,
    sent_at = CASE WHEN %(said)s::text IS NULL THEN clock_timestamp() ELSE sent_at END,
    retry_at = CASE
        WHEN %(said)s::text IS NOT NULL THEN clock_timestamp() + make_interval(secs => %(after)s::float8)
    END,
    failures = CASE WHEN %(said)s::text IS NULL THEN 0 WHEN %(sent)s::boolean THEN failures + 1 ELSE failures END,
    said = %(said)s::text
WHERE id = 1 AND claim = %(claim)s::text;
