-- Delete the blocks of the chain whose entries are not kept any more, but for the last of each partition.
DELETE FROM chain
USING partitions
CROSS JOIN LATERAL (
    SELECT epoch, seq
    FROM chain
    WHERE chain.partition = partitions.partition
    ORDER BY epoch DESC, seq DESC
    LIMIT 1
) AS last
WHERE chain.partition = partitions.partition
  AND (chain.epoch, chain.seq) < (last.epoch, last.seq)
  AND chain.at < (SELECT before FROM forgotten WHERE what = 'events');
