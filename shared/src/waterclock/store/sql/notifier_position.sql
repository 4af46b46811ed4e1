-- How far a partition is judged; no row: it is not judged yet.
SELECT epoch, seq FROM notifier_positions WHERE partition = %(partition)s::int;
