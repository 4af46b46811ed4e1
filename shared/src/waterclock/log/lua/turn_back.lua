#!lua flags=allow-oom
-- Set the partition's clock back to that of its server, which was set back itself. Marks stay where they are.
--
--! keys: meta marks
--
-- Returns {before, now, ahead, latest}: both clocks, ms; how many jobs have a mark beyond the new one, and the latest mark.

local before, at = tonumber(head[4]), time[1] * 1000 + math.floor(time[2] / 1000)
local ahead, latest = 0, 0
for _, mark in ipairs(call('HVALS', K.marks)) do
  mark = tonumber(mark)
  if mark > at then ahead = ahead + 1 end
  latest = math.max(latest, mark)
end
if before > at then call('HSET', K.meta, 'clock', at) end
return cmsgpack.pack({before = before, now = at, ahead = ahead, latest = latest})
