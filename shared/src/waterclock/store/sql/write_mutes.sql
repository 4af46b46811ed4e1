-- Write changed mutes, each once. A change with `muted_at` makes the row, new or anew; in any other a column that is not named
-- stays as it is, and without a row it is nothing. Assumes that no one else writes these rows meanwhile: the caller holds the
-- partition's position.
INSERT INTO mutes (
    mute_id, partition, epoch, seq, job_id, job_group, labels, everything, muted_at, until, actor, reason,
    unmuted_at, unmuted_epoch, unmuted_seq, unmuted_by, unmuted_reason
)
SELECT
    merged.mute_id, merged.partition, merged.epoch, merged.seq, merged.job_id, merged.job_group, merged.labels,
    merged.everything, merged.muted_at, merged.until, merged.actor, merged.reason,
    merged.unmuted_at, merged.unmuted_epoch, merged.unmuted_seq, merged.unmuted_by, merged.unmuted_reason
FROM jsonb_array_elements(%(rows)s::jsonb) AS fresh (change)
LEFT JOIN mutes AS old
    ON NOT fresh.change ? 'muted_at'
    AND old.mute_id = fresh.change ->> 'mute_id'
CROSS JOIN LATERAL jsonb_populate_record(old, fresh.change) AS merged
WHERE old.mute_id IS NOT NULL OR fresh.change ? 'muted_at'
ON CONFLICT (mute_id) DO UPDATE SET
    partition = excluded.partition,
    epoch = excluded.epoch,
    seq = excluded.seq,
    job_id = excluded.job_id,
    job_group = excluded.job_group,
    labels = excluded.labels,
    everything = excluded.everything,
    muted_at = excluded.muted_at,
    until = excluded.until,
    actor = excluded.actor,
    reason = excluded.reason,
    unmuted_at = excluded.unmuted_at,
    unmuted_epoch = excluded.unmuted_epoch,
    unmuted_seq = excluded.unmuted_seq,
    unmuted_by = excluded.unmuted_by,
    unmuted_reason = excluded.unmuted_reason;
