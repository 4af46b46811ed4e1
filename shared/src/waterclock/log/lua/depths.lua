#!lua flags=allow-oom
-- Tell what each queue of this partition holds that could start now.
--
--! keys: meta runs active delayed aside queues
--
-- Returns {now, queues}: this clock, ms, and of each queue by name {queued, since, paused, aside}: runs; when the first of
-- them began to wait, ms, 0 for none; entry of the pause, '' if it is not paused; runs that lie aside, which are not among
-- the former. Runs whose time has come count as queued also before a worker's timer has moved them, up to a thousand.

local found, some_aside = {}, call('EXISTS', K.aside) == 1
for name, streams in pairs(QUEUES) do
  local queued, since = 0, 0
  for _, stream in pairs(streams) do
    local first = call('XRANGE', stream, '-', '+', 'COUNT', 1)[1]
    local at = first and tonumber(string.match(first[1], '^%d+')) or 0
    queued = queued + call('XLEN', stream)
    if at > 0 and (since == 0 or at < since) then since = at end
  end
  local aside = some_aside and call('ZLEXCOUNT', K.aside, '[' .. name .. '\1', '(' .. name .. '\2') or 0
  found[name] = {queued, since, call('HGET', K.meta, 'paused:' .. name) or '', aside}
end
local late = call('ZRANGEBYSCORE', K.delayed, '-inf', now, 'LIMIT', 0, BATCH)
recall(late)
for _, run in ipairs(late) do
  local record = records[run]
  local of = record and (found[record[QUEUE]] or found[first_queue])
  if of then
    of[1] = of[1] + 1
    if of[2] == 0 or record[READY_AT] < of[2] then of[2] = record[READY_AT] end
  end
end
return cmsgpack.pack({now = now, queues = found})
