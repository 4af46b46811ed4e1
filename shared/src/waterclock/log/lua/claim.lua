#!lua flags=allow-oom
-- Grant runs to a session: from each queue that is not paused, what was given back before what is due, oldest first; and
-- before either, of the runs that were lost often, one.
--
--! keys: meta jobs successes events runs specs active waiting delayed sessions held ended0 ended1 wake queues
--
-- P.partition       number of this partition, for `cause`
-- P.session         the claimant
-- P.number          of this claim, one more than the last new one; an earlier number is answered again from `held`
-- P.slots           runs wanted at most
-- P.suspects        of these at most so many that were lost often: who holds one takes no other
-- P.queues          {name, weight, credit}: the session's standing in the weighted round
-- P.strict          true: the queues in the given order instead, each until it is empty
-- P.body            of RunStarted, without runId, jobId, attempt, fence, cause
-- P.body_cancelled  of RunCancelled, without runId, jobId, reason, attempt, fence
-- P.body_died       of RunDied, without runId, jobId, attempt, fence, settled: of a run whose request or record is gone
--
-- Returns {status}: 'nosession'; 'done' with grants {run, body, fence, attempt, failures, losses, entry of its
-- RunRequested, cancelled, serial, previous (ms of the job's last success, 0 for none), waited (ms in its queue, -1 in an
-- answer given again), job}, credits, wake: last id of the doorbell, next_at: ms when the next delayed run
-- is ready, 0 for none, and more: whether anything is left.

local VISITS = 1000 -- entries looked at beyond the slots: a purge of dropped ones goes on in the next claim

local seat = call('HGET', K.sessions, P.session)
local renewal, claimed = string.match(seat or '-1 0', '^(%-?%d+) (%d+)')
if renewal == '-1' then return cmsgpack.pack({status = 'nosession'}) end

local grants, granted, started, held = {}, {}, {}, {}

local PREVIOUS_OF_GRANT, JOB_OF_GRANT = 10, 12

local function grant_of(run, record, spec, waited)
  return {run, spec, record[FENCE], record[ATTEMPT], record[FAILURES], record[LOSSES], record[REQUESTED],
    record[CANCEL] ~= '', record[SERIAL], 0, waited, record[JOB] ~= '' and record[JOB] or nil}
end

-- Say in each grant of a job's run when the job last succeeded.
local function tell_successes()
  local jobs = {}
  for _, one in ipairs(grants) do
    if one[JOB_OF_GRANT] then jobs[#jobs + 1] = one[JOB_OF_GRANT] end
  end
  local found, place = read_fields(K.successes, jobs), 0
  for _, one in ipairs(grants) do
    if one[JOB_OF_GRANT] then
      place = place + 1
      one[PREVIOUS_OF_GRANT] = tonumber(found[place] or 0)
    end
  end
end

local function close(credits, more)
  tell_successes()
  local bell = call('XREVRANGE', K.wake, '+', '-', 'COUNT', 1)[1]
  local soonest = call('ZRANGE', K.delayed, 0, 0, 'WITHSCORES')
  return finish({status = 'done', grants = grants, credits = credits, wake = bell and bell[1] or '0-0',
    next_at = tonumber(soonest[2] or 0), more = more})
end

local credits = {}
for place, queue in ipairs(P.queues) do credits[place] = queue.credit end

if P.number <= tonumber(claimed) then
  local prefix = P.session .. ':'
  local runs = {}
  for place, member in ipairs(call('ZRANGEBYLEX', K.held, '[' .. prefix, '(' .. P.session .. ';')) do
    runs[place] = string.sub(member, #prefix + 1)
  end
  recall(runs)
  for place, spec in ipairs(read_fields(K.specs, runs)) do
    local record = records[runs[place]]
    if record and spec and record[CLAIM] == P.number then grants[#grants + 1] = grant_of(runs[place], record, spec, -1) end
  end
  return close(credits, true)
end

local contenders, total = {}, 0
local names = {}
for place, queue in ipairs(P.queues) do names[place] = 'paused:' .. queue.name end
local paused = read_fields(K.meta, names)
for place, queue in ipairs(P.queues) do
  local streams = QUEUES[queue.name]
  if streams and not paused[place] then
    local suspects = P.suspects > 0 and call('XLEN', streams.suspect) or 0
    local left = call('XLEN', streams.again) + call('XLEN', streams.due)
    if left + suspects > 0 then
      contenders[#contenders + 1] = {place = place, streams = streams, weight = queue.weight, left = left,
        suspects = suspects, wanted = 0, name = queue.name}
    end
  end
end

local suspects_wanted = P.suspects

-- How much a queue has that may be granted.
local function left_of(one)
  return one.left + math.min(one.suspects, math.max(suspects_wanted, 0))
end

-- Smooth weighted round robin: each queue that has something gains its weight; the richest is served and pays the sum.
local function share_out(slots)
  for _ = 1, slots do
    local best, sum = nil, 0
    for _, one in ipairs(contenders) do
      if left_of(one) > one.wanted then
        if P.strict then
          best = one
          break
        end
        credits[one.place] = credits[one.place] + one.weight
        sum = sum + one.weight
        if not best or credits[one.place] > credits[best.place] then best = one end
      end
    end
    if not best then return end
    if not P.strict then credits[best.place] = credits[best.place] - sum end
    best.wanted = best.wanted + 1
  end
end

local prefix_cause = ',"cause":"' .. P.partition .. '-'

local function grant(run, record, spec)
  fence = fence + 1
  if record[LOSSES] >= SUSPECT_FROM then suspects_wanted = suspects_wanted - 1 end
  local waited = math.max(0, now - tonumber(string.match(record[ENTRY], '^%d+')))
  record[STATE], record[PLACE], record[ENTRY] = 'running', '', ''
  record[ATTEMPT], record[FENCE] = record[ATTEMPT] + 1, epoch * FENCES_PER_EPOCH + fence
  record[SESSION], record[CLAIM], record[STEP] = P.session, P.number, 0
  dirty[run] = true
  emit(P.body, run_facts(run, record[JOB]) .. ',' .. attempt_facts(record) .. prefix_cause .. record[REQUESTED] .. '"')
  held[#held + 1] = 0
  held[#held + 1] = P.session .. ':' .. run
  grants[#grants + 1] = grant_of(run, record, spec, waited)
end

-- The request of a run is gone, or its record cannot be read: nobody could execute it, and it must not stand in the way
-- of others.
local function die_standing(run, record)
  local facts = run_facts(run, record[JOB]) .. ',"attempt":0,"fence":0,"settled":' .. text(record[SETTLED])
  finish_run(run, record, 'died', emit(P.body_died, facts))
end

-- Take the oldest entries of a stream: grant what counts, end what cannot start, drop the rest.
local function take(name, stream, place, wanted)
  if wanted <= 0 then return 0 end
  local entries = call('XRANGE', stream, '-', '+', 'COUNT', wanted)
  if #entries == 0 then return 0 end
  local runs, ids = {}, {}
  for at, entry in ipairs(entries) do runs[at], ids[at] = entry[2][2], entry[1] end
  recall(runs)
  local found = read_fields(K.specs, runs)
  for at, run in ipairs(runs) do
    local record = records[run]
    if record and ruined[run] then
      die_standing(run, record)
    elseif record and record[STATE] == 'queued' and record[ENTRY] == ids[at] and record[PLACE] == place
      and record[QUEUE] == name then
      local reason = why_barred(record)
      if reason then
        record[STATE] = 'leaving' -- its entry goes with the others
        cancel_standing(run, record, P.body_cancelled, reason)
      elseif not found[at] then
        record[STATE] = 'leaving'
        die_standing(run, record)
      else
        grant(run, record, found[at])
      end
    end
  end
  -- They were the first of the stream, so it can be cut: 0.05 us an entry, where XDEL takes 0.8 (Valkey) to 3 (Redis).
  call('XTRIM', stream, 'MINID', '=', id_after(ids[#ids]))
  return #ids
end

local visits = 0
while #grants < P.slots and visits < P.slots + VISITS do
  local before = visits
  share_out(P.slots - #grants)
  for _, one in ipairs(contenders) do
    if one.wanted > 0 then
      local suspects = take(one.name, one.streams.suspect, 'suspect', math.min(one.suspects, suspects_wanted))
      local again = take(one.name, one.streams.again, 'again', one.wanted - suspects)
      local due = take(one.name, one.streams.due, 'due', one.wanted - suspects - again)
      one.left, one.suspects, one.wanted = one.left - again - due, one.suspects - suspects, 0
      visits = visits + suspects + again + due
    end
  end
  if visits == before then break end
end

if #grants > 0 then
  in_pieces('ZADD', K.held, held)
  call('HSET', K.sessions, P.session, string.format('%s %d %d', renewal, P.number, now))
  changed_meta[#changed_meta + 1] = 'fence'
  changed_meta[#changed_meta + 1] = fence
end
local more = woken
for _, one in ipairs(contenders) do more = more or left_of(one) > 0 end
return close(credits, more)
