#!lua flags=allow-oom
-- Remove the oldest entries of the event stream, which are archived.
--
--! keys: meta events
--
-- P.through  id of the last to go
--
-- Returns {removed}: how many went.

local before = call('XLEN', K.events)
call('XTRIM', K.events, 'MINID', '=', id_after(P.through))
return cmsgpack.pack({removed = before - call('XLEN', K.events)})
