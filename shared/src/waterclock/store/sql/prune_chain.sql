-- Delete the blocks of the chain whose entries are not kept any more, but for the last of each partition.
DELETE FROM chain
WHERE at < (SELECT before FROM forgotten WHERE what = 'events')
  AND EXISTS (
      SELECT FROM chain AS later
      WHERE later.partition = chain.partition AND (later.epoch, later.seq) > (chain.epoch, chain.seq)
  );
