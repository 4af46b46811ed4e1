-- Begin to check the jobs of an executor by another schema, unless it is the one that they are checked by.
INSERT INTO schema_checks AS known (executor, digest)
VALUES (%(executor)s::text, %(digest)s::text)
ON CONFLICT (executor) DO UPDATE
SET digest = excluded.digest, reached = '', looked = 0, unfit = 0, untold = 0, before = known.unfit, begun_at = now(), ended_at = NULL
WHERE known.digest <> excluded.digest;
