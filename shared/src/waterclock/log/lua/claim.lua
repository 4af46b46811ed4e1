#!lua flags=allow-oom
-- Grant runs to a session: from each queue that is not paused, what lies aside for it, what was given back, what is due, in
-- this order, oldest first; and before these, of the runs that were lost often, one. What it cannot run is set aside.
--
--! keys: meta jobs successes events runs specs active waiting delayed aside sessions announced held ended0 ended1 wake queues
--
-- P.partition       number of this partition, for `cause`
-- P.session         the claimant
-- P.number          of this claim, one more than the last new one; an earlier number is answered again from `held`
-- P.slots           runs wanted at most
-- P.suspects        of these at most so many that were lost often: who holds one takes no other
-- P.queues          {name, weight, credit}: the session's standing in the weighted round
-- P.looked          where to look on at the members of `aside`, as the last claim returned it; anywhere at first
-- P.sought          where to seek on for what lies aside for it, as the last claim returned it; '': at the beginning
-- P.strict          true: the queues in the given order instead, each until it is empty
-- P.body            of RunStarted, without runId, jobId, attempt, fence, cause
-- P.body_cancelled  of RunCancelled, without runId, jobId, reason, attempt, fence
-- P.body_died       of RunDied, without runId, jobId, attempt, fence, settled: of a run whose request or record is gone
--
-- Returns {status}: 'nosession'; 'done' with grants {run, body, fence, attempt, failures, losses, entry of its
-- RunRequested, cancelled, serial, previous (ms of the job's last success, 0 for none), waited (ms in its queue, -1 in an
-- answer given again), job}, credits, looked, sought, wake: last id of the doorbell, next_at: ms when the next
-- delayed run is ready, 0 for none, and more: whether anything is left that the session can run, or has not looked for.

local VISITS_MOST = P.slots + 1000 -- entries looked at: a purge of dropped ones goes on in the next claim

local AHEAD = 50 -- entries read at once, at most, beyond what is wanted, where some were set aside

local LOOK_UPS_MOST = 1000 -- of groups of `aside`, over all queues: 1.5 ms

local GROUPS_MOST, GROUPS_OF_QUEUE_MOST = 300, 100 -- that a session takes from at once, over all queues and of one

local LOOKED_AT, LOOKED_AT_IDLE = 10, 50 -- members of `aside` that a claim looks at; one that has nothing else to do

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

local credits, looked = {}, P.looked or 0

-- The session's names are sought among what lies aside in turn, where they are too many for one claim. A round is over
-- when each was, and nothing was left otherwise and no bell rang since it began: anything may have been set aside then.
local names, seek_from, seek_rest, seek_bell = {}, 1, 0, ''

local seek_next = nil -- the first name that was not sought in each queue; nil: all were

local function seek_on(more, bell)
  if not seek_next then return nil, more end
  local done = seek_next - seek_from
  local rest = more and #names or (seek_rest > 0 and bell == seek_bell and seek_rest or #names) - done
  if rest <= 0 then return nil, more end
  return string.format('%d %d %s', seek_next > #names and 1 or seek_next, rest, bell), true
end

local function close(more, sought)
  tell_successes()
  local bell = call('XREVRANGE', K.wake, '+', '-', 'COUNT', 1)[1]
  local soonest = call('ZRANGE', K.delayed, 0, 0, 'WITHSCORES')
  bell = bell and bell[1] or '0-0'
  if not sought then sought, more = seek_on(more, bell) end
  return finish({status = 'done', grants = grants, credits = credits, wake = bell, next_at = tonumber(soonest[2] or 0),
    looked = looked, sought = sought, more = more})
end

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
  return close(true, P.sought)
end

local told = {'announcing', 'aside'} -- of `meta`
for place, queue in ipairs(P.queues) do told[place + 2] = 'paused:' .. queue.name end
told = read_fields(K.meta, told)

-- Beside sessions that do not say what they can run, and so look at nothing that lies aside, nothing does.
local executors = announced_by(P.session)
local sorts = executors and all_announce(told[1])
local some_aside = some_lie_aside(told[2])
if some_aside and not sorts then
  return_aside(ASIDE_MOST)
  some_aside = false
end

local able = {} -- executor to whether the session has it

local function can_run(executor)
  local known = able[executor]
  if known == nil then
    known = string.find(executors, '\1' .. executor .. '\1', 1, true) ~= nil
    able[executor] = known
  end
  return known
end

local suspects_wanted = P.suspects

local visits = 0 -- entries, and members of `aside`, that were looked at

local prefix_cause = ',"cause":"' .. P.partition .. '-'

-- `since`: ms when it began to stand in its queue.
local function grant(run, record, spec, since)
  fence = fence + 1
  if record[LOSSES] >= SUSPECT_FROM then suspects_wanted = suspects_wanted - 1 end
  record[STATE], record[PLACE], record[ENTRY], record[ASIDE] = 'running', '', '', nil
  record[ATTEMPT], record[FENCE] = record[ATTEMPT] + 1, epoch * FENCES_PER_EPOCH + fence
  record[SESSION], record[CLAIM], record[STEP] = P.session, P.number, 0
  dirty[run] = true
  emit(P.body, run_facts(run, record[JOB]) .. ',' .. attempt_facts(record) .. prefix_cause .. record[REQUESTED] .. '"')
  held[#held + 1] = 0
  held[#held + 1] = P.session .. ':' .. run
  grants[#grants + 1] = grant_of(run, record, spec, math.max(0, now - since))
end

-- The request of a run is gone, or its record cannot be read: nobody could execute it, and it must not stand in the way
-- of others.
local function die_standing(run, record)
  local facts = run_facts(run, record[JOB]) .. ',"attempt":0,"fence":0,"settled":' .. text(record[SETTLED])
  finish_run(run, record, 'died', emit(P.body_died, facts))
end

-- End a run of a queue that is barred, or whose request is gone.
local function end_unstarted(run, record)
  record[STATE] = 'leaving' -- its entry, or member, goes with the others
  local reason = why_barred(record)
  if reason then
    cancel_standing(run, record, P.body_cancelled, reason)
  else
    die_standing(run, record)
  end
end

local NONE_ASIDE = {groups = {}, suspects = 0, others = 0}

local lies_aside, count_aside, take_aside, look_aside -- made where anything lies aside: the others need not pay for them

if some_aside then
  for executor in string.gmatch(executors, '[^\1]+') do names[#names + 1] = executor end
  local from, rest, bell = string.match(P.sought or '', '^(%d+) (%d+) (.+)$')
  if from and tonumber(from) <= #names then seek_from, seek_rest, seek_bell = tonumber(from), tonumber(rest), bell end

  local queues_aside = {} -- those that are not paused
  for place, queue in ipairs(P.queues) do
    local some = QUEUES[queue.name] and not told[place + 2]
      and call('ZLEXCOUNT', K.aside, '[' .. queue.name .. '\1', '(' .. queue.name .. '\2') > 0
    if some then queues_aside[#queues_aside + 1] = queue.name end
  end

  lies_aside = {}
  for _, queue in ipairs(queues_aside) do lies_aside[queue] = true end
  local look_ups = math.max(1, math.floor(LOOK_UPS_MOST / #queues_aside)) -- in each queue
  local most_groups = math.max(1, math.min(GROUPS_OF_QUEUE_MOST, math.floor(GROUPS_MOST / #queues_aside)))
  -- A round begins with a step through the groups that there are, which may be fewer than the session's names.
  local steps = seek_from == 1 and math.min(#names, math.floor(look_ups / 2)) or 0

  -- The first members of all groups of a queue that the session can run; nil: they are too many.
  local function step_through(queue)
    local found, from, stop = {}, '[' .. queue .. '\1', '(' .. queue .. '\2'
    for _ = 1, steps do
      local member = call('ZRANGEBYLEX', K.aside, from, stop, 'LIMIT', 0, 1)[1]
      if not member then return found end
      local executor = string.match(member, '\1([^\1]*)\1', #queue + 1)
      if can_run(executor) then
        if #found == most_groups then return nil end
        found[#found + 1] = member
      end
      from = '[' .. queue .. '\1' .. executor .. '\2'
    end
    return nil
  end

  -- The same of the names from `seek_from` on, and the first that was not sought.
  local function seek(queue)
    local found, place, beyond = {}, seek_from, math.min(#names + 1, seek_from + math.max(1, look_ups - steps))
    while place < beyond and #found < most_groups do
      local prefix = group_prefix(queue, names[place])
      found[#found + 1] = call('ZRANGEBYLEX', K.aside, '[' .. prefix, '(' .. prefix .. '3', 'LIMIT', 0, 1)[1]
      place = place + 1
    end
    return found, place
  end

  -- What lies aside of a queue that the session can run: what its members begin with, how many are suspects, and not;
  -- and whether there may be more of it.
  count_aside = function(queue)
    local found, place = step_through(queue), nil
    if not found then found, place = seek(queue) end
    local partly = seek_from > 1 or (place or math.huge) <= #names
    if partly then seek_next = math.min(seek_next or math.huge, place) end
    local counted = {groups = {}, suspects = 0, others = 0, partly = partly}
    for at, member in ipairs(found) do
      local prefix = string.match(member, '^[^\1]*\1[^\1]*\1')
      counted.groups[at] = prefix
      if string.sub(member, #prefix + 1, #prefix + 1) == '0' then
        counted.suspects = counted.suspects + call('ZLEXCOUNT', K.aside, '[' .. prefix .. '0', '(' .. prefix .. '1')
      end
      counted.others = counted.others + call('ZLEXCOUNT', K.aside, '[' .. prefix .. '1', '(' .. prefix .. '3')
    end
    return counted
  end

  -- The first members of some groups, at most so many: of suspects, or of the others. And the groups that may have more.
  local function first_aside(groups, suspects, wanted)
    local low, high = suspects and '0' or '1', suspects and '1' or '3'
    local each, found, fuller = math.min(wanted, math.max(1, math.floor(ASIDE_MOST / #groups))), {}, {}
    for _, prefix in ipairs(groups) do
      local members = call('ZRANGEBYLEX', K.aside, '[' .. prefix .. low, '(' .. prefix .. high, 'LIMIT', 0, each)
      for _, member in ipairs(members) do found[#found + 1] = {string.sub(member, #prefix + 1), member} end
      if #members == each then fuller[#fuller + 1] = prefix end
    end
    if #groups > 1 then table.sort(found, function(one, other) return one[1] < other[1] end) end
    local members = {}
    for place = 1, math.min(wanted, #found) do members[place] = found[place][2] end
    return members, #found > wanted and groups or fuller
  end

  -- As `take`, of what lies aside: of suspects, or of the others.
  take_aside = function(one, suspects, wanted)
    local most, gone, groups = #grants + wanted, 0, one.groups
    while #grants < most and #groups > 0 and visits < VISITS_MOST do
      local members
      members, groups = first_aside(groups, suspects, most - #grants)
      local runs = recall_aside(members)
      local found = read_fields(K.specs, runs)
      for place, run in ipairs(runs) do
        local record = records[run]
        if is_aside(record, members[place]) then
          if why_barred(record) or not found[place] then
            end_unstarted(run, record)
          else
            grant(run, record, found[place], aside_since(members[place]))
          end
        end
      end
      in_pieces('ZREM', K.aside, members)
      gone, visits = gone + #members, visits + #members
    end
    return gone
  end

  -- End those of some members of `aside` that nobody else may ever meet: barred, or not to be started by anybody.
  look_aside = function(most)
    local count = call('ZLEXCOUNT', K.aside, '-', '+')
    local from = count > 0 and looked % count or 0
    local members, gone_by = call('ZRANGE', K.aside, from, from + most - 1), {}
    local runs = recall_aside(members)
    local found = read_fields(K.specs, runs)
    for place, run in ipairs(runs) do
      local record = records[run]
      local stays = false
      if record and ruined[run] then
        die_standing(run, record)
      elseif is_aside(record, members[place]) then
        stays = found[place] and not why_barred(record)
        if not stays then end_unstarted(run, record) end
      end
      if not stays then gone_by[#gone_by + 1] = members[place] end
    end
    in_pieces('ZREM', K.aside, gone_by)
    looked = from + #members - #gone_by
    return #gone_by > 0
  end
end

local contenders = {}
for place, queue in ipairs(P.queues) do
  local streams = QUEUES[queue.name]
  if streams and not told[place + 2] then
    local aside = some_aside and lies_aside[queue.name] and count_aside(queue.name) or NONE_ASIDE
    local suspects = P.suspects > 0 and call('XLEN', streams.suspect) + aside.suspects or 0
    local left = call('XLEN', streams.again) + call('XLEN', streams.due) + aside.others
    if left + suspects > 0 then
      contenders[#contenders + 1] = {place = place, streams = streams, weight = queue.weight, left = left,
        suspects = suspects, wanted = 0, most = math.huge, granted = 0, ahead = 0, name = queue.name, groups = aside.groups,
        partly = aside.partly, cleared = {}}
    end
  end
end

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
        if one.wanted < one.most and (not best or credits[one.place] > credits[best.place]) then best = one end
      end
    end
    if not best then return end
    if not P.strict then credits[best.place] = credits[best.place] - sum end
    best.wanted = best.wanted + 1
  end
end

local parted, stuck = 0, 0 -- runs that were set aside; queues whose next run is to be, by a later claim

-- Take what lies aside for an executor in a queue of which not all was sought: it stood before what is in its streams.
-- Whether that was all, and a slot is left.
local function clear_before(one, executor, place, most)
  if not executor or one.cleared[executor] then return true end
  take_aside({groups = {group_prefix(one.name, executor)}}, place == 'suspect', most - #grants)
  one.cleared[executor] = #grants < most and visits < VISITS_MOST
  return one.cleared[executor]
end

-- Take the oldest entries of a stream until so many are granted, or none is left: set aside what the session cannot run,
-- end what cannot start, drop what does not count. Returns how many entries went.
-- A queue whose next run can only be set aside by a later claim is over for this one, and in strict order so are all.
local function take(one, place, wanted)
  local stream, most, gone = one.streams[place], #grants + wanted, 0
  while #grants < most and visits < VISITS_MOST and not one.stuck and not (P.strict and stuck > 0) do
    local count = math.max(most - #grants, one.ahead)
    local entries = call('XRANGE', stream, '-', '+', 'COUNT', count)
    if #entries == 0 then break end
    local runs, ids = {}, {}
    for at, entry in ipairs(entries) do runs[at], ids[at] = entry[2][2], entry[1] end
    recall(runs)
    local found, taken, parted_before = read_fields(K.specs, runs), 0, parted
    for at, run in ipairs(runs) do
      if #grants == most then break end
      taken = at
      local record = records[run]
      if record and ruined[run] then
        die_standing(run, record)
      elseif record and record[STATE] == 'queued' and record[ENTRY] == ids[at] and record[PLACE] == place
        and record[QUEUE] == one.name then
        local spec = found[at]
        local executor = sorts and spec and executor_in(spec)
        if why_barred(record) or not spec then
          end_unstarted(run, record)
        elseif executor and not able[executor] and not can_run(executor) then
          if parted == ASIDE_MOST then
            one.stuck, stuck, taken = true, stuck + 1, at - 1
            break
          end
          set_aside(run, record, executor)
          parted = parted + 1
        elseif one.partly and not clear_before(one, executor, place, most) then
          taken = at - 1
          break
        else
          grant(run, record, spec, tonumber(string.match(ids[at], '^%d+')))
        end
      end
    end
    if parted > parted_before then one.ahead = math.min(AHEAD, 2 * taken) end -- of large requests half may be read in vain
    -- The first of the stream can be cut: 0.05 us an entry, where XDEL takes 0.8 (Valkey) to 3 (Redis).
    if taken > 0 then call('XTRIM', stream, 'MINID', '=', id_after(ids[taken])) end
    gone, visits = gone + taken, visits + taken
    if #entries < count then break end
  end
  return gone
end

while #grants < P.slots and visits < VISITS_MOST do
  local visits_before, unfit_before, granted_before, credits_before = visits, parted + stuck, #grants, {unpack(credits)}
  share_out(P.slots - #grants)
  for _, one in ipairs(contenders) do
    one.granted = 0
    if one.wanted > 0 then
      local before, most, suspects, others = #grants, #grants + one.wanted, 0, 0
      if some_aside then
        suspects = take_aside(one, true, math.min(one.suspects, suspects_wanted))
      end
      suspects = suspects + take(one, 'suspect', math.min(one.suspects - suspects, suspects_wanted))
      if some_aside then others = take_aside(one, false, most - #grants) end
      others = others + take(one, 'again', most - #grants)
      others = others + take(one, 'due', most - #grants)
      one.left, one.suspects, one.wanted, one.granted = one.left - others, one.suspects - suspects, 0, #grants - before
      if one.stuck then one.left, one.suspects = 0, 0 end
    end
  end
  if parted + stuck > unfit_before and not P.strict then
    -- As though what was granted had been all: what was set aside costs its queue no credit.
    credits = credits_before
    for _, one in ipairs(contenders) do one.most, one.left = one.granted, one.left + one.granted end
    share_out(#grants - granted_before)
    for _, one in ipairs(contenders) do one.wanted, one.most, one.left = 0, math.huge, one.left - one.granted end
  end
  if visits == visits_before or (P.strict and stuck > 0) then break end
end

local ended_aside = some_aside and look_aside(visits == 0 and LOOKED_AT_IDLE or LOOKED_AT)
if parted > 0 then
  in_pieces('ZADD', K.aside, shelved)
  changed_meta[#changed_meta + 1] = 'aside'
  changed_meta[#changed_meta + 1] = 1
end
if #grants > 0 then
  in_pieces('ZADD', K.held, held)
  call('HSET', K.sessions, P.session, string.format('%s %d %d', renewal, P.number, now))
  changed_meta[#changed_meta + 1] = 'fence'
  changed_meta[#changed_meta + 1] = fence
end
local more = woken or parted == ASIDE_MOST or ended_aside
for _, one in ipairs(contenders) do more = more or left_of(one) > 0 end
return close(more)
