#!lua flags=allow-oom
-- Remove entries of the event stream, which are archived.
--
--! keys: meta events
--
-- P.entries  their ids
--
-- Returns {removed}: how many there were.

if #P.entries == 0 then return cmsgpack.pack({removed = 0}) end
return cmsgpack.pack({removed = call('XDEL', K.events, unpack(P.entries))})
