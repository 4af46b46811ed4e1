-- Read a page of mutes, newest first, after the place (after_at, after_id); times in ms. Without `all` those that are not over at
-- `now`; with `job_id` those that concern the job, as it is now.
SELECT
    mutes.mute_id, mutes.job_id, jobs.job_group, jobs.job_name, mutes.job_group,
    (SELECT name || '=' || value FROM jsonb_each_text(mutes.labels) AS one (name, value)) AS label,
    mutes.everything, mutes.partition, mutes.epoch, mutes.seq,
    (extract(epoch FROM mutes.muted_at) * 1000)::bigint AS muted_at,
    (extract(epoch FROM mutes.until) * 1000)::bigint AS until,
    (extract(epoch FROM least(mutes.until, mutes.unmuted_at, jobs.deleted_at)) * 1000)::bigint AS ends_at,
    mutes.actor, mutes.reason, mutes.unmuted_by, mutes.unmuted_reason
FROM mutes
LEFT JOIN jobs USING (job_id)
WHERE (
        %(all)s::boolean
        OR least(mutes.until, mutes.unmuted_at, jobs.deleted_at) > to_timestamp(%(now)s::bigint / 1000.0)
    )
  AND (
        %(job_id)s::text IS NULL
        OR mutes.everything
        OR mutes.job_id = %(job_id)s::text
        OR EXISTS (
            SELECT FROM jobs AS told
            WHERE told.job_id = %(job_id)s::text
              AND (told.job_group = mutes.job_group OR told.labels @> mutes.labels)
        )
    )
  AND (
        %(after_at)s::bigint IS NULL
        OR (mutes.muted_at, mutes.mute_id) < (to_timestamp(%(after_at)s::bigint / 1000.0), %(after_id)s::text)
    )
ORDER BY mutes.muted_at DESC, mutes.mute_id DESC
LIMIT %(limit)s::int;
