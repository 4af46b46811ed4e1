#!lua flags=allow-oom
-- Read who leads a partition, and how far it has come.
--
--! keys: meta
--
-- Returns {now, leader, ends_at, next_at, last}: this clock, the last leader ('': none was), the end of its term (0: it is
-- over, the server's clock was set back), the oldest undecided instant as it said last, ms, and epoch and number of the
-- last entry.

local leader, ends_at, lasts, next_at = unpack(call('HMGET', K.meta, 'leader', 'leader_until', 'leader_ttl', 'next_at'))
ends_at = tonumber(ends_at or 0)
if ends_at - now > tonumber(lasts or math.huge) then ends_at = 0 end
return cmsgpack.pack({
  now = now, leader = leader or '', ends_at = ends_at, next_at = next_at and tonumber(next_at) or nil,
  last = {epoch, seq}
})
