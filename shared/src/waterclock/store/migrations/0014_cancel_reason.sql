-- Why a run was cancelled, or is to be, in its row; of those that are there already, from the archive.

ALTER TABLE runs ADD COLUMN cancel_reason text;
COMMENT ON COLUMN runs.cancel_reason IS 'why it was cancelled, or asked to stop: requested, jobDisabled, jobDeleted, replaced';

UPDATE runs
SET cancel_reason = coalesce(told.reason, 'requested')
FROM (
    SELECT run_id, (array_agg(reason ORDER BY epoch DESC, seq DESC) FILTER (WHERE reason <> 'requested'))[1] AS reason
    FROM (
        SELECT run_id, epoch, seq, convert_from(document, 'UTF8')::jsonb ->> 'reason' AS reason
        FROM events
        WHERE type IN ('run.cancelRequested', 'run.cancelled')
    ) AS said
    GROUP BY run_id
) AS told
WHERE runs.run_id = told.run_id;
