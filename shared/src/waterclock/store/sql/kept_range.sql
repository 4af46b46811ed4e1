-- Count what is kept of some repairs of a partition, and read where it begins and ends (epoch, seq); nulls for nothing.
SELECT count(*), min(ARRAY[epoch, seq]), max(ARRAY[epoch, seq])
FROM dropped
WHERE partition = %(partition)s::int AND fork = ANY (%(forks)s::bigint[]);
