-- Send nothing of what waits.
WITH refused AS (
    UPDATE notice_trips SET state = 'refused', settled_at = clock_timestamp(), said = 'discarded'
    WHERE state = 'waiting'
)
UPDATE notice_deliveries SET state = 'dropped', settled_at = clock_timestamp(), said = 'discarded'
WHERE state = 'waiting';
