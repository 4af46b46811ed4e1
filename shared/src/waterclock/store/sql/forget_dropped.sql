-- Forget what repairs have dropped as events of its time are forgotten, of some pages of the table.
DELETE FROM dropped
WHERE ctid >= %(first)s::tid
  AND ctid < %(end)s::tid
  AND at < (SELECT before FROM forgotten WHERE what = 'events');
