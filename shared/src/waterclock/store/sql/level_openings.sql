-- Let the next epoch of every partition be the same, later than any that the store or the log (`above`) knows.
UPDATE partitions
SET opening = (SELECT greatest(max(epoch), max(opening), %(above)s::bigint) FROM partitions);
