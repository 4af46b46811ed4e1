-- Note what is to be forgotten before a moment, ms; it never comes back.
INSERT INTO forgotten (what, before)
SELECT what, to_timestamp(before / 1000.0)
FROM unnest(%(whats)s::text[], %(befores)s::bigint[]) AS noted (what, before)
ON CONFLICT (what) DO UPDATE SET before = greatest(forgotten.before, excluded.before);
