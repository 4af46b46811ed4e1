-- Read a mute; times in ms.
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
WHERE mutes.mute_id = %(mute_id)s::text;
