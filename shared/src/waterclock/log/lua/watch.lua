#!lua flags=allow-oom
-- Read who leads a partition, and how far it has come.
--
--! keys: meta
--
-- Returns {now, leader, ends_at, next_at}: this clock, the last leader ('': none was), the end of its term and the oldest
-- undecided instant as it said last, ms.

local leader, ends_at, next_at = unpack(call('HMGET', K.meta, 'leader', 'leader_until', 'next_at'))
return cmsgpack.pack({
  now = now, leader = leader or '', ends_at = tonumber(ends_at or 0), next_at = next_at and tonumber(next_at) or nil
})
