-- What scripts share. It stands before the body of each, after the line that binds the keys to `K`. Of the paragraphs here a
-- script gets those that define nothing and those that define what it uses (`log/scripts.py`): every closure costs each call.
--
-- ARGV[1]  run_id of the server process that the caller's connection reached
-- ARGV[2]  the payload, a msgpack map; `P` here
--
-- The gate comes first: a partition that names another server process has not been opened on this one, and nothing is
-- read or written. A script ends with `finish` or `conclude`, which writes what was gathered: a runtime error keeps the writes already
-- done, so all checks come before the first write, and what is gathered is written in few calls.
--
-- Records of runs are arrays, here and in `log/records.py`:
local STATE, JOB, QUEUE, SERIAL, REQUESTED, READY_AT, PLACE, ENTRY = 1, 2, 3, 4, 5, 6, 7, 8
local ATTEMPT, FENCE, FAILURES, LOSSES, SESSION, CLAIM, CANCEL, STEP, SETTLED = 9, 10, 11, 12, 13, 14, 15, 16, 17

local FENCES_PER_EPOCH = 1099511627776 -- 2^40

local REMEMBERED_MS, REMEMBERED_MOST = 600000, 500000 -- ends and our own command ids, in each of two hashes: about 70 MB

local KEYS_KEPT_MS = 86400000 -- client keys

local DOORBELL_LENGTH = 100

local WAITING_MOST = 1000 -- for each job

local BATCH = 1000 -- arguments to one call; Lua's stack holds 8000

local call = redis.call
local P = cmsgpack.unpack(ARGV[2])
local head = call('HMGET', K.meta, 'run_id', 'epoch', 'seq', 'clock', 'fence')
if not head[2] then return redis.error_reply('NOTINITIALISED no such log') end
if GATED and head[1] ~= ARGV[1] then return redis.error_reply('HALTED not open on this server process') end

local epoch, seq, fence = tonumber(head[2]), tonumber(head[3]), tonumber(head[5])
local time = call('TIME')
local now = math.max(time[1] * 1000 + math.floor(time[2] / 1000), tonumber(head[4]))
local last = head[2] .. '-' .. head[3]
if seq == 0 then last = '' end

local QUEUES, first_queue = {}, nil -- name to keys of its streams; the first stands in for one the caller does not know
for place = FIRST_QUEUE_KEY, #KEYS, 2 do
  local name = string.match(KEYS[place], '}:due:(.+)$')
  QUEUES[name] = {due = KEYS[place], again = KEYS[place + 1]}
  first_queue = first_queue or name
end

local changed_meta = {} -- field, value, field, value

local woken = false -- something can be claimed that could not be before

local cancels = {} -- runs to be stopped by their worker

local delayed_now = {} -- runs put into `delayed`

local function text(number)
  return string.format('%d', number)
end

-- Append an event. `facts` are members of a JSON object, without its braces; nil for none. Returns the entry's id.
local function emit(body, facts)
  seq = seq + 1
  local entry = head[2] .. '-' .. seq
  if facts then
    call('XADD', K.events, entry, 'b', body, 'p', last, 't', now, 'x', facts)
  else
    call('XADD', K.events, entry, 'b', body, 'p', last, 't', now)
  end
  last = entry
  return entry
end

local function run_facts(run, job)
  if job == '' then return '"runId":"' .. run .. '"' end
  return '"runId":"' .. run .. '","jobId":"' .. job .. '"'
end

local function attempt_facts(record)
  return string.format('"attempt":%d,"fence":%d', record[ATTEMPT], record[FENCE])
end

-- Whether the entry `one` stands before the entry `other`.
local function is_before(one, other)
  local epoch_one, seq_one = string.match(one, '^(%d+)-(%d+)$')
  local epoch_other, seq_other = string.match(other, '^(%d+)-(%d+)$')
  epoch_one, epoch_other = tonumber(epoch_one), tonumber(epoch_other)
  if epoch_one ~= epoch_other then return epoch_one < epoch_other end
  return tonumber(seq_one) < tonumber(seq_other)
end

-- ------------------------------------------------------------------------------------------------ records of runs ---

local records, dirty = {}, {} -- run to record, false when there is none; those to be written by `finish`

local gone = {} -- runs that ended

local specs = {} -- field, value, field, value

-- Call a command that takes a key and many values, in bounded pieces.
local function in_pieces(command, key, values)
  for from = 1, #values, BATCH do
    call(command, key, unpack(values, from, math.min(from + BATCH - 1, #values)))
  end
end

-- Read many fields of a hash at once: a list of values, false for what is missing.
local function read_fields(key, fields)
  if #fields <= BATCH then
    if #fields == 0 then return {} end
    return call('HMGET', key, unpack(fields))
  end
  local found = {}
  for from = 1, #fields, BATCH do
    for _, value in ipairs(call('HMGET', key, unpack(fields, from, math.min(from + BATCH - 1, #fields)))) do
      found[#found + 1] = value
    end
  end
  return found
end

-- Load the records of these runs, in one call.
local function recall(runs)
  local packed = read_fields(K.runs, runs)
  for place, run in ipairs(runs) do
    if records[run] == nil then
      records[run] = packed[place] and cmsgpack.unpack(packed[place])
    end
  end
end

local function record_of(run)
  if records[run] == nil then recall({run}) end
  return records[run]
end

-- ------------------------------------------------------------------------------------------------ what is remembered ---

local remembered = {} -- field, value, field, value: ends, and our own commands as `!<id>`

local ends = {} -- run to end, false when there is none

-- Load the ends of these runs, in two calls.
local function recall_ends(runs)
  local one, other = read_fields(K.ended0, runs), read_fields(K.ended1, runs)
  for place, run in ipairs(runs) do
    local packed = one[place] or other[place]
    if ends[run] == nil then ends[run] = packed and cmsgpack.unpack(packed) end
  end
end

-- How the run ended, {status, attempt, fence, entry}; false if it did not, or long ago.
local function end_of(run)
  if ends[run] == nil then recall_ends({run}) end
  return ends[run]
end

-- Which of two hashes to write to: the older is emptied and becomes the newer when the newer is full or old enough.
local function newer_side(name, keys, period, most)
  local side, since = unpack(call('HMGET', K.meta, name .. '_side', name .. '_since'))
  side = tonumber(side or 0)
  if now - tonumber(since or 0) >= period or (most and call('HLEN', keys[side + 1]) >= most) then
    side = 1 - side
    call('UNLINK', keys[side + 1])
    call('HSET', K.meta, name .. '_side', side, name .. '_since', now)
  end
  return keys[side + 1]
end

local function command_field(command)
  return command.client and command.id or '!' .. command.id
end

-- What an earlier call with this command id answered: {fingerprint, answer}; nil if it is new.
local function earlier_answer(command)
  local field, packed = command_field(command), nil
  if command.client then
    packed = call('HGET', K.commands0, field) or call('HGET', K.commands1, field)
  else
    packed = call('HGET', K.ended0, field) or call('HGET', K.ended1, field)
  end
  return packed and cmsgpack.unpack(packed) or nil
end

local function remember_command(command, answer_given)
  local packed = cmsgpack.pack({command.fingerprint, answer_given})
  if command.client then
    local key = newer_side('commands', {K.commands0, K.commands1}, KEYS_KEPT_MS, nil)
    call('HSET', key, command_field(command), packed)
  else
    remembered[#remembered + 1] = command_field(command)
    remembered[#remembered + 1] = packed
  end
end

-- ------------------------------------------------------------------------------------------------ where runs stand ---

-- Put a run into a stream of its queue, `due` or `again`.
local function enqueue(run, record, place)
  if not QUEUES[record[QUEUE]] then record[QUEUE] = first_queue end
  record[ENTRY] = call('XADD', QUEUES[record[QUEUE]][place], '*', 'r', run)
  record[STATE], record[PLACE] = 'queued', place
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

-- The run that has waited longest behind others of its job; nil for none.
local function first_waiting(job)
  local member = call('ZRANGEBYLEX', K.waiting, '[' .. job .. ':', '(' .. job .. ';', 'LIMIT', 0, 1)[1]
  return member and string.match(member, ':([^:]+)$')
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
    if streams then call('XDEL', streams[record[PLACE]], record[ENTRY]) end
  elseif record[STATE] == 'delayed' then
    call('ZREM', K.delayed, run)
  elseif record[STATE] == 'waiting' then
    call('ZREM', K.waiting, waiting_member(run, record))
  end
end

-- Let runs of a job go that waited: the first, if no other is unfinished; all, if they may overlap now.
local function release_waiting(job, all)
  if not all and count_unfinished(job) > count_waiting(job) then return end
  repeat
    local run = first_waiting(job)
    if not run then return end
    local record = record_of(run)
    call('ZREM', K.waiting, waiting_member(run, record))
    place_run(run, record)
  until not all
end

local someone_waits = nil -- in this partition; asked once

-- End a run, whatever the way: record out, job freed, the next waiting run due, remembered. `entry` is its last event.
local function finish_run(run, record, status, entry)
  records[run], dirty[run] = false, nil
  gone[#gone + 1] = run
  ends[run] = {status, record[ATTEMPT], record[FENCE], entry}
  remembered[#remembered + 1] = run
  remembered[#remembered + 1] = cmsgpack.pack(ends[run])
  if record[SESSION] ~= '' then unheld[#unheld + 1] = record[SESSION] .. ':' .. run end
  if record[JOB] == '' then return end
  leaving[#leaving + 1] = run
  if someone_waits == nil then someone_waits = call('EXISTS', K.waiting) == 1 end
  if someone_waits then release_waiting(record[JOB], false) end
end

-- ------------------------------------------------------------------------------------------------ jobs ---

local heads = {}

-- Version and `barredThrough` of a job; nothing when it does not exist. The definition is never parsed here.
local function job_head(job)
  if heads[job] == nil then
    local stored = call('HGET', K.jobs, job)
    heads[job] = stored and {string.match(stored, '^(%d+) (%S+) ')} or false
  end
  local found = heads[job]
  if found then return tonumber(found[1]), found[2] end
end

-- Why a run must not start, be tried again or given again: 'deleted', 'disabled', or nil.
local function why_barred(record)
  if record[JOB] == '' then return nil end
  local version, barred = job_head(record[JOB])
  if not version then return 'deleted' end
  if barred ~= '0-0' and is_before(record[REQUESTED], barred) then return 'disabled' end
end

-- Cancel a run that does not run. The body lacks what the facts give; `reason` nil stands for the body's own.
local function cancel_standing(run, record, body, reason)
  withdraw(run, record)
  local facts = run_facts(run, record[JOB]) .. ',' .. attempt_facts(record)
  if reason then facts = facts .. ',"reason":"' .. reason .. '"' end
  finish_run(run, record, 'cancelled', emit(body, facts))
end

-- Ask that a running attempt be stopped; asked once. `facts` as for `emit`. Returns the entry of the asking.
local function ask_to_stop(run, record, body, facts)
  if record[CANCEL] == '' then
    record[CANCEL] = emit(body, facts)
    dirty[run] = true
    cancels[#cancels + 1] = run
  end
  return record[CANCEL]
end

-- ------------------------------------------------------------------------------------------------ runs come into being ---

-- Under `cancel_other`: stop every unfinished run of the job.
local function cancel_others(job, replacing)
  for _, other in ipairs(unfinished_runs(job, BATCH)) do
    local record = record_of(other)
    if record and record[STATE] == 'running' then
      ask_to_stop(other, record, replacing[1], run_facts(other, job))
    elseif record then
      cancel_standing(other, record, replacing[2], nil)
    end
  end
end

-- What becomes of a run that meets unfinished ones of its job: 'place', 'wait', or who it is blocked by or folds into.
local function settle_overlap(item)
  local job, policy = item.job_id, item.overlap
  if policy == 'allow' or not job or count_unfinished(job) == 0 then return 'place' end
  if policy == 'skip' then return 'blocked', unfinished_runs(job, 1)[1] end
  if policy == 'buffer_all' then
    if count_waiting(job) >= WAITING_MOST then return 'blocked', unfinished_runs(job, 1)[1] end
    return 'wait', run_before(job)
  end
  local waiting = first_waiting(job)
  if waiting then return 'folded', waiting end
  if policy == 'cancel_other' then
    cancel_others(job, item.replacing)
    if count_unfinished(job) == 0 then return 'place' end
  end
  return 'wait', run_before(job)
end

local BESIDE = {blocked = '"blockedBy":"', folded = '"into":"'}

-- Request a run: append its RunRequested, or what it becomes otherwise, and put it where it belongs.
-- Returns the run's state (or 'blocked', 'folded', 'ended'), the entry, and the other run of a wait, block or fold.
local function request_run(item)
  local run, job = item.run_id, item.job_id or ''
  local known = record_of(run)
  if known then return known[STATE], known[REQUESTED] end
  local over = end_of(run)
  if over then return 'ended', over[4] end

  local fate, other = settle_overlap(item)
  if BESIDE[fate] then
    local entry = item.otherwise and emit(item.otherwise, BESIDE[fate] .. other .. '"')
    return fate, entry, other
  end
  local ready_at = item.ready_at or 0
  local state = fate == 'wait' and 'waiting' or (ready_at > now and 'delayed' or 'queued')
  local facts = '"state":"' .. state .. '"'
  if other then facts = facts .. ',"waitingOn":"' .. other .. '"' end
  local entry = emit(item.body, facts)
  local record = {state, job, item.queue, item.overlap ~= 'allow', entry, ready_at, '', '', 0, 0, 0, 0, '', 0, '', 0, 0}
  records[run] = record
  specs[#specs + 1] = run
  specs[#specs + 1] = item.body
  if job ~= '' then
    joining[#joining + 1] = 0
    joining[#joining + 1] = run
  end
  if state == 'waiting' then put_to_wait(run, record) else place_run(run, record) end
  return state, entry, other
end

-- Apply a unit: all that is owed by a job between two marks, in order.
local function apply_unit(unit)
  for _, item in ipairs(unit.items) do
    if item.run_id then request_run(item) else emit(item.body) end
  end
end

-- ------------------------------------------------------------------------------------------------ the end of a script ---

-- Ring the doorbell of workers.
local function ring()
  call('XADD', K.wake, 'MAXLEN', '~', DOORBELL_LENGTH, '*', 'ring', '1')
end

-- Ring if something can be claimed that could not be before, now or sooner than was known; name the runs to be stopped.
local function ring_for_workers()
  if next(delayed_now) and delayed_now[call('ZRANGE', K.delayed, 0, 0)[1]] then woken = true end
  for _, run in ipairs(cancels) do
    call('XADD', K.wake, 'MAXLEN', '~', DOORBELL_LENGTH, '*', 'cancel', run)
  end
  if woken and #cancels == 0 then ring() end
end

-- Write the records that were changed.
local function write_changed()
  local packed = {}
  for run in pairs(dirty) do
    packed[#packed + 1] = run
    packed[#packed + 1] = cmsgpack.pack(records[run])
  end
  in_pieces('HSET', K.runs, packed)
end

-- Write what is remembered for a while.
local function write_remembered()
  if #remembered == 0 then return end
  in_pieces('HSET', newer_side('ended', {K.ended0, K.ended1}, REMEMBERED_MS, REMEMBERED_MOST), remembered)
end

-- Move the partition's clock on: only scripts that move a mark do, so a clock once far ahead harms nobody later.
local function move_clock()
  changed_meta[#changed_meta + 1] = 'clock'
  changed_meta[#changed_meta + 1] = now
end

-- Write down where the events end, and give the reply: the end of a script that touches no run.
local function conclude(reply)
  if tostring(seq) ~= head[3] then
    changed_meta[#changed_meta + 1] = 'seq'
    changed_meta[#changed_meta + 1] = seq
  end
  if #changed_meta > 0 then call('HSET', K.meta, unpack(changed_meta)) end
  return cmsgpack.pack(reply)
end

-- Write all that was gathered, and give the reply.
local function finish(reply)
  write_changed()
  in_pieces('HSET', K.specs, specs)
  in_pieces('HDEL', K.runs, gone)
  in_pieces('HDEL', K.specs, gone)
  in_pieces('ZREM', K.held, unheld)
  settle_active()
  write_remembered()
  ring_for_workers()
  return conclude(reply)
end
