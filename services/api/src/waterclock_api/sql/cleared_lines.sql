-- Count the lines that a run had before an event (epoch, seq), which were cleared: the archive keeps their events as stubs,
-- and a run that is there has all of its events. Where nothing was cleared, there are few events before the first line. A stub
-- is read as text: what it holds beside is nobody's promise. A quote inside a string follows a backslash, so that the name is
-- the member.
SELECT coalesce(sum(substring(encode(document, 'escape') FROM '"linesCount":([0-9]{1,9})')::bigint), 0)::bigint AS lines
FROM events
WHERE run_id = %(run_id)s::text
  AND type = 'step.log'
  AND (epoch, seq) < (%(epoch)s::bigint, %(seq)s::bigint);
