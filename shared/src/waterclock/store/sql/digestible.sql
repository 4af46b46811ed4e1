-- Take messages of a channel that are to be told as one, and were not tried yet; `only_old`: those that were old when judged.
WITH taken AS (
    UPDATE notice_deliveries
    SET state = 'digested', settled_at = clock_timestamp()
    WHERE channel = %(channel)s::text
      AND state = 'waiting'
      AND digest IS NULL
      AND failures = 0
      AND (claimed_until IS NULL OR claimed_until <= clock_timestamp())
      AND (is_old OR NOT %(only_old)s::boolean)
    RETURNING number, notice_id
)
SELECT notices.document FROM taken JOIN notices ON notices.id = taken.notice_id ORDER BY taken.number;
