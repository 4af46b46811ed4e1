-- Write changed jobs, each once. The definition's own status follows the row's.
-- A change with `created_at` makes the row, new or anew; in any other a column
-- that is not named stays as it is, null empties it, and without a row it is nothing; a mark never goes back. Assumes
-- that no one else writes these rows meanwhile: the caller holds the partition's position.
INSERT INTO jobs (
    job_id, partition, version, job_name, job_group, invoke_target, status, queue, labels, definition,
    created_at, updated_at, deleted_at, mark, barred_epoch, barred_seq, released_epoch, released_seq, last_run_id
)
SELECT
    merged.job_id, merged.partition, merged.version, merged.job_name, merged.job_group, merged.invoke_target,
    merged.status, merged.queue, merged.labels,
    jsonb_set(merged.definition, '{status}', to_jsonb(merged.status)), merged.created_at, merged.updated_at,
    merged.deleted_at, greatest(merged.mark, old.mark), merged.barred_epoch, merged.barred_seq, merged.released_epoch,
    merged.released_seq, merged.last_run_id
FROM jsonb_array_elements(%(rows)s::jsonb) AS fresh (change)
LEFT JOIN jobs AS old
    ON NOT fresh.change ? 'created_at'
    AND old.job_id = fresh.change ->> 'job_id'
CROSS JOIN LATERAL jsonb_populate_record(old, fresh.change) AS merged
WHERE old.job_id IS NOT NULL OR fresh.change ? 'created_at'
ON CONFLICT (job_id) DO UPDATE SET
    partition = excluded.partition,
    version = excluded.version,
    job_name = excluded.job_name,
    job_group = excluded.job_group,
    invoke_target = excluded.invoke_target,
    status = excluded.status,
    queue = excluded.queue,
    labels = excluded.labels,
    definition = excluded.definition,
    created_at = excluded.created_at,
    updated_at = excluded.updated_at,
    deleted_at = excluded.deleted_at,
    mark = excluded.mark,
    barred_epoch = excluded.barred_epoch,
    barred_seq = excluded.barred_seq,
    released_epoch = excluded.released_epoch,
    released_seq = excluded.released_seq,
    last_run_id = excluded.last_run_id;
