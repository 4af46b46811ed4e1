-- Note how a channel is doing: nothing said: it has delivered; `gave_up`: a message was given up.
INSERT INTO notice_channels (channel, delivered_at, failing_since, failures, said, given_up_at)
VALUES (
    %(channel)s::text,
    CASE WHEN %(said)s::text IS NULL THEN clock_timestamp() END,
    CASE WHEN %(said)s::text IS NOT NULL THEN clock_timestamp() END,
    CASE WHEN %(said)s::text IS NULL THEN 0 ELSE 1 END,
    %(said)s::text,
    CASE WHEN %(gave_up)s::boolean THEN clock_timestamp() END
)
ON CONFLICT (channel) DO UPDATE
SET delivered_at = coalesce(excluded.delivered_at, notice_channels.delivered_at),
    failing_since = CASE
        WHEN excluded.said IS NULL THEN NULL
        ELSE coalesce(notice_channels.failing_since, excluded.failing_since)
    END,
    failures = CASE WHEN excluded.said IS NULL THEN 0 ELSE notice_channels.failures + 1 END,
    said = excluded.said,
    given_up_at = CASE
        WHEN excluded.said IS NULL THEN NULL
        ELSE coalesce(notice_channels.given_up_at, excluded.given_up_at)
    END;
