-- Let the next epoch of every partition be the same, 16 later than any that the store or the log (`above`) knows: both may
-- have been put back to before others.
UPDATE partitions
SET opening = (SELECT greatest(max(epoch), max(opening), max(opened), %(above)s::bigint) + 15 FROM partitions);
