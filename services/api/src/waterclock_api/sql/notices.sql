-- Read a page of notices, newest first, from before the place (before_at, before_id); times in ms, empty arrays for no filter.
SELECT (extract(epoch FROM at) * 1000)::bigint, id, document
FROM notices
WHERE (cardinality(%(job_ids)s::text[]) = 0 OR job_id = ANY (%(job_ids)s::text[]))
  AND (cardinality(%(run_ids)s::text[]) = 0 OR run_id = ANY (%(run_ids)s::text[]))
  AND (cardinality(%(kinds)s::text[]) = 0 OR kind = ANY (%(kinds)s::text[]))
  AND (cardinality(%(rules)s::text[]) = 0 OR rule = ANY (%(rules)s::text[]))
  AND (%(from)s::bigint IS NULL OR at >= to_timestamp(%(from)s::bigint / 1000.0))
  AND (%(to)s::bigint IS NULL OR at <= to_timestamp(%(to)s::bigint / 1000.0))
  AND (
      %(before_at)s::bigint IS NULL
      OR (at, id) < (to_timestamp(%(before_at)s::bigint / 1000.0), %(before_id)s::text)
  )
ORDER BY at DESC, id DESC
LIMIT %(limit)s::int;
