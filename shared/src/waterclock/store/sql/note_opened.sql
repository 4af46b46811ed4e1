-- Note the epoch in which a partition is open, as the log has answered.
UPDATE partitions
SET opened = %(epoch)s::bigint
WHERE partition = %(partition)s::int AND opened < %(epoch)s::bigint;
