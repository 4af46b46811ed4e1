-- Forget events that nobody could read as events of their time are forgotten, of some pages of the table.
DELETE FROM quarantine
WHERE ctid >= %(first)s::tid
  AND ctid < %(end)s::tid
  AND at < (SELECT before FROM forgotten WHERE what = 'events');
