-- Forget what a repair was to drop that came to nothing.
DELETE FROM dropped WHERE partition = %(partition)s::int AND fork = ANY (%(forks)s::bigint[]);
