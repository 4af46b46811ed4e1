-- Let messages go out that a mute had kept back that is over, if what they tell of lasts: the trouble of its job names it. A mute
-- is looked at until it has been over for half a minute, for another notifier may have settled a message by it meanwhile.
WITH past AS (
    SELECT mute_id, ends
    FROM mutes
    LEFT JOIN jobs USING (job_id)
    CROSS JOIN LATERAL (SELECT least(mutes.until, mutes.unmuted_at, jobs.deleted_at)) AS ended (ends)
    WHERE mutes.until > clock_timestamp() - interval '31 days'
      AND ends <= clock_timestamp()
      AND NOT EXISTS (SELECT FROM notice_mutes_over AS done WHERE done.mute_id = mutes.mute_id)
), noted AS (
    INSERT INTO notice_mutes_over (mute_id)
    SELECT mute_id FROM past WHERE ends <= clock_timestamp() - interval '30 seconds'
    ON CONFLICT DO NOTHING
)
UPDATE notice_deliveries AS kept
SET state = 'waiting', said = NULL, settled_at = NULL, put_at = clock_timestamp(), due_at = clock_timestamp()
FROM past, notices
JOIN notice_facts AS trouble ON trouble.key = 'trouble ' || notices.job_id
WHERE kept.state = 'muted'
  AND kept.said = past.mute_id
  AND kept.takes_back IS NULL
  AND kept.repeats IS NULL
  AND notices.id = kept.notice_id
  AND position(convert_to(notices.id, 'UTF8') IN trouble.document) > 0;
