-- Whether all that was archived before an epoch is judged, in whichever partition; of one that no notifier has begun with, nothing
-- is to be judged.
SELECT NOT EXISTS (
    SELECT FROM notifier_positions AS judged
    CROSS JOIN LATERAL (
        SELECT epoch, seq
        FROM events
        WHERE events.partition = judged.partition AND events.epoch < %(epoch)s::bigint
        ORDER BY epoch DESC, seq DESC
        LIMIT 1
    ) AS last
    WHERE (judged.epoch, judged.seq) < (last.epoch, last.seq)
);
