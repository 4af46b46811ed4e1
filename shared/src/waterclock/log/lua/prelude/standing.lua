-- Where runs stand: in a queue, delayed, waiting behind another of their job; and their end, which frees the job.

local SUSPECT_FROM = 2 -- losses: perhaps it is the run that kills its worker

-- Put a run into a stream of its queue: `due` or `again`, or `suspect`, whatever was asked.
local function enqueue(run, record, place)
  if record[LOSSES] >= SUSPECT_FROM then place = 'suspect' end
  if not QUEUES[record[QUEUE]] then record[QUEUE] = first_queue end
  record[ENTRY] = call('XADD', QUEUES[record[QUEUE]][place], '*', 'r', run)
  record[STATE], record[PLACE], record[ASIDE] = 'queued', place, nil
  dirty[run] = true
  woken = true
end

-- Make a run due: now, or at its time.
local function place_run(run, record)
  if record[READY_AT] <= now then return enqueue(run, record, 'due') end
  record[STATE], record[PLACE], record[ENTRY] = 'delayed', '', ''
  dirty[run] = true
  call('ZADD', K.delayed, record[READY_AT], run)
  delayed_now[run] = true
end

local function waiting_member(run, record)
  local in_epoch, at = string.match(record[REQUESTED], '^(%d+)-(%d+)$')
  return string.format('%s:%06d%015d:%s', record[JOB], in_epoch, at, run)
end

local function put_to_wait(run, record)
  record[STATE], record[PLACE], record[ENTRY] = 'waiting', '', ''
  dirty[run] = true
  call('ZADD', K.waiting, 0, waiting_member(run, record))
end

-- The run that has waited longest behind others of its job, and its member there; nil for none.
local function first_waiting(job)
  local member = call('ZRANGEBYLEX', K.waiting, '[' .. job .. ':', '(' .. job .. ';', 'LIMIT', 0, 1)[1]
  if member then return string.match(member, ':([^:]+)$'), member end
end

local function count_waiting(job)
  return call('ZLEXCOUNT', K.waiting, '[' .. job .. ':', '(' .. job .. ';')
end

local joining, leaving = {}, {} -- members for `active`, written when it is asked, or at the end

local unheld = {} -- members to go from `held`

local function settle_active()
  if #joining > 0 then in_pieces('ZADD', K.active, joining) end
  if #leaving > 0 then in_pieces('ZREM', K.active, leaving) end
  joining, leaving = {}, {}
end

-- Unfinished runs of a job, those that wait included: run ids begin with the job's id and a hyphen.
local function count_unfinished(job)
  settle_active()
  return call('ZLEXCOUNT', K.active, '[' .. job .. '-', '(' .. job .. '.')
end

local function unfinished_runs(job, most)
  settle_active()
  return call('ZRANGEBYLEX', K.active, '[' .. job .. '-', '(' .. job .. '.', 'LIMIT', 0, most)
end

-- The run that a further one would wait behind: the last in the line, else any unfinished one.
local function run_before(job)
  local member = call('ZREVRANGEBYLEX', K.waiting, '(' .. job .. ';', '[' .. job .. ':', 'LIMIT', 0, 1)[1]
  if member then return string.match(member, ':([^:]+)$') end
  return unfinished_runs(job, 1)[1]
end

-- Take a run that does not run out of wherever it stands.
local function withdraw(run, record)
  if record[STATE] == 'queued' then
    local streams = QUEUES[record[QUEUE]]
    if streams and record[ENTRY] ~= '' then call('XDEL', streams[record[PLACE]], record[ENTRY]) end
    if (record[ASIDE] or '') ~= '' then call('ZREM', K.aside, record[ASIDE]) end
  elseif record[STATE] == 'delayed' then
    call('ZREM', K.delayed, run)
  elseif record[STATE] == 'waiting' then
    call('ZREM', K.waiting, waiting_member(run, record))
  end
end

-- Let runs of a job go that waited: the first, if no other is unfinished; all, if they may overlap now.
local function release_waiting(job, all)
  while all or count_unfinished(job) <= count_waiting(job) do
    local run, member = first_waiting(job)
    if not run then return end
    local record = record_of(run)
    call('ZREM', K.waiting, member)
    if record and (record[STATE] == 'waiting' or ruined[run]) then
      place_run(run, record)
      if not all then return end
    end
  end
end

local someone_waits = nil -- in this partition; asked once

-- End a run, whatever the way: record out, job freed, the next waiting run due, remembered. `entry` is its last event.
local function finish_run(run, record, status, entry)
  records[run], dirty[run] = false, nil
  gone[#gone + 1] = run
  ends[run] = {status, record[SETTLED], entry}
  remembered[#remembered + 1] = run
  remembered[#remembered + 1] = cmsgpack.pack(ends[run])
  if record[SESSION] ~= '' then unheld[#unheld + 1] = record[SESSION] .. ':' .. run end
  if record[JOB] == '' then return end
  leaving[#leaving + 1] = run
  if someone_waits == nil then someone_waits = call('EXISTS', K.waiting) == 1 end
  if someone_waits then release_waiting(record[JOB], false) end
end
