#!lua flags=allow-oom
-- Make the delayed runs due whose time has come.
--
--! keys: meta jobs events runs specs active waiting delayed aside held ended0 ended1 wake queues
--
-- P.limit           runs at most
-- P.body_cancelled  of RunCancelled, without runId, jobId, reason, attempt, fence
--
-- Returns {moved, next_at}: how many, and when the next is ready, ms; 0 for none.

local runs = call('ZRANGEBYSCORE', K.delayed, '-inf', now, 'LIMIT', 0, P.limit)
recall(runs)
if #runs > 0 then in_pieces('ZREM', K.delayed, runs) end
for _, run in ipairs(runs) do
  local record = records[run]
  if record and record[STATE] == 'delayed' then
    local reason = why_barred(record)
    if reason then
      record[STATE] = 'leaving' -- it is out of `delayed` already
      cancel_standing(run, record, P.body_cancelled, reason)
    else
      enqueue(run, record, 'due')
    end
  end
end
local soonest = call('ZRANGE', K.delayed, 0, 0, 'WITHSCORES')
return finish({moved = #runs, next_at = tonumber(soonest[2] or 0)})
