-- Note that a check went on from one job through another, or has ended; no row, if another process was there first.
UPDATE schema_checks
SET
    reached = %(through)s::text,
    looked = looked + %(looked)s::bigint,
    unfit = unfit + %(unfit)s::bigint,
    untold = untold + %(untold)s::bigint,
    ended_at = CASE WHEN %(has_ended)s::boolean THEN now() END
WHERE executor = %(executor)s::text
  AND digest = %(digest)s::text
  AND reached = %(after)s::text
  AND ended_at IS NULL
RETURNING looked, unfit, untold, before;
