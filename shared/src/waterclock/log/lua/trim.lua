#!lua flags=allow-oom
-- Remove the oldest entries of the event stream, which are archived.
--
--! keys: meta events
--
-- P.through  id of the last to go
--
-- Returns {removed}: how many went.

local before = call('XLEN', K.events)
local in_epoch, at = string.match(P.through, '^(%d+)-(%d+)$')
call('XTRIM', K.events, 'MINID', '=', in_epoch .. '-' .. text(tonumber(at) + 1))
return cmsgpack.pack({removed = before - call('XLEN', K.events)})
