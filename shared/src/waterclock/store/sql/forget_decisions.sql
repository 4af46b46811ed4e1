-- Delete decisions of which the events are not kept, of some pages of the table.
DELETE FROM decisions
WHERE ctid >= %(first)s::tid
  AND ctid < %(end)s::tid
  AND decided_at < (SELECT before FROM forgotten WHERE what = 'events');
