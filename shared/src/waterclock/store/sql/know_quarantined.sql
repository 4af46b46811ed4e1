-- Say that the events of a partition that nobody can read are known.
UPDATE quarantine SET known_at = now() WHERE partition = %(partition)s::int AND known_at IS NULL;
