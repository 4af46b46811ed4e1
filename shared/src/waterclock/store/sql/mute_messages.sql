-- Settle messages that are muted: all that nobody has, or with a claim the one of that number that is held by it. Muted is what a
-- mute covers that is in force; or was when it came to pass, if that does not last: the trouble of its job names what does. What
-- stands for many is muted only by a mute of everything. What takes back a notice goes out if the channel was told of that, or
-- reminded of it, and else if that was muted, it is, too.
WITH present AS MATERIALIZED (
    SELECT
        mutes.mute_id, mutes.job_id, mutes.job_group, mutes.labels, mutes.everything, mutes.muted_at,
        least(mutes.until, mutes.unmuted_at, jobs.deleted_at) AS ends
    FROM mutes
    LEFT JOIN jobs USING (job_id)
    WHERE mutes.until > clock_timestamp() - interval '31 days'
), waiting AS MATERIALIZED (
    SELECT number, channel, notice_id, takes_back
    FROM notice_deliveries
    WHERE state = 'waiting'
      AND CASE
          WHEN %(number)s::bigint IS NULL THEN claimed_until IS NULL OR claimed_until <= clock_timestamp()
          ELSE number = %(number)s::bigint AND claim = %(claim)s::text
      END
      AND (takes_back IS NOT NULL OR EXISTS (SELECT FROM present))
), judged AS (
    SELECT
        waiting.number,
        (
            SELECT present.mute_id
            FROM present
            WHERE (
                present.ends > clock_timestamp()
                OR (notices.at >= present.muted_at AND notices.at < present.ends AND NOT lasting.lasts)
            )
              AND (
                  present.everything
                  OR present.job_id = notices.job_id
                  OR present.job_group = coalesce(jobs.job_group, runs.job_group)
                  OR coalesce(jobs.labels, runs.labels) @> present.labels
              )
            ORDER BY present.muted_at DESC
            LIMIT 1
        ) AS covering,
        told.is_told,
        told.muted_by
    FROM waiting
    LEFT JOIN notices ON notices.id = waiting.notice_id
    LEFT JOIN jobs ON jobs.job_id = notices.job_id
    LEFT JOIN runs ON runs.run_id = notices.run_id AND notices.job_id IS NULL
    CROSS JOIN LATERAL (
        SELECT EXISTS (
            SELECT FROM notice_facts
            WHERE key = 'trouble ' || notices.job_id AND position(convert_to(notices.id, 'UTF8') IN document) > 0
        ) AS lasts
    ) AS lasting
    CROSS JOIN LATERAL (
        SELECT
            coalesce(bool_or(told.state IN ('waiting', 'delivered', 'digested')), false) AS is_told,
            max(told.said) FILTER (WHERE told.state = 'muted') AS muted_by
        FROM notice_deliveries AS told
        WHERE told.channel = waiting.channel
          AND (told.notice_id = waiting.takes_back OR told.repeats = waiting.takes_back)
    ) AS told
)
UPDATE notice_deliveries AS muted
SET state = 'muted', settled_at = clock_timestamp(), claimed_until = NULL, said = coalesce(judged.muted_by, judged.covering)
FROM judged
WHERE muted.number = judged.number
  AND muted.state = 'waiting'
  AND NOT judged.is_told
  AND coalesce(judged.muted_by, judged.covering) IS NOT NULL
  AND CASE
      WHEN %(number)s::bigint IS NULL THEN muted.claimed_until IS NULL OR muted.claimed_until <= clock_timestamp()
      ELSE muted.claim = %(claim)s::text
  END;
