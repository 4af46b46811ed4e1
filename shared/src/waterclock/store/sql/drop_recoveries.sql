-- Drop what takes back a notice of which a channel was never told.
UPDATE notice_deliveries AS recovery
SET state = 'dropped', settled_at = clock_timestamp()
FROM notice_deliveries AS failed
WHERE recovery.state = 'waiting'
  AND recovery.takes_back = failed.notice_id
  AND recovery.channel = failed.channel
  AND failed.state = 'givenUp';
