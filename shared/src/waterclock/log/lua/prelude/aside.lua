-- Runs that lie aside, since a session met them that lacked their executor; and which sessions say what they can run.

local ASIDE_MOST = 250 -- set aside, or returned, in a call: about 2 ms

local CLASSES = {suspect = '0', again = '1', due = '2'}

-- The executor that a request names, as it is encoded there; nil: it names none.
local function executor_in(body)
  local _, before = string.find(body, '"invokeTarget":"', 1, true)
  local at = before and before + 1
  while at do
    at = string.find(body, '["\\]', at)
    if at and string.byte(body, at) == 34 then return string.sub(body, before + 1, at - 1) end
    at = at and at + 2
  end
end

-- What the members of a group begin with: the runs of a queue that one executor is to run.
local function group_prefix(queue, executor)
  return queue .. '\1' .. executor .. '\1'
end

-- Whether a run lies aside as this member of `aside`: any other member is what somebody left who knows of none.
local function is_aside(record, member)
  return record and record[STATE] == 'queued' and record[ASIDE] == member
end

-- When a run that lies aside began to wait, ms.
local function aside_since(member)
  return tonumber(string.match(member, '\1%d(%d%d%d%d%d%d%d%d%d%d%d%d%d%d%d)%d+\1[^\1]+$'))
end

local shelved = {} -- score, member, score, member: for `aside`

-- Set a run aside that stands in a stream of its queue; its entry is for the caller to remove.
local function set_aside(run, record, executor)
  local ms, number = string.match(record[ENTRY], '^(%d+)-(%d+)$')
  local member = string.format('%s%s%015d%010d\1%s', group_prefix(record[QUEUE], executor), CLASSES[record[PLACE]], ms,
    number, run)
  record[PLACE], record[ENTRY], record[ASIDE] = '', '', member
  record[REQUESTED_AT] = record[REQUESTED_AT] or 0 -- of a release before; an array has no gap
  dirty[run] = true
  shelved[#shelved + 1] = 0
  shelved[#shelved + 1] = member
end

-- Load the records of the runs of these members; returns the runs.
local function recall_aside(members)
  local runs = {}
  for place, member in ipairs(members) do runs[place] = string.match(member, '[^\1]+$') end
  recall(runs)
  return runs
end

-- Put what lies aside back into its queues, at most so many. Returns how many, and whether any is left.
local function return_aside(most)
  if call('EXISTS', K.aside) == 0 then return 0, false end
  local members = call('ZRANGE', K.aside, 0, most - 1)
  for place, run in ipairs(recall_aside(members)) do
    if is_aside(records[run], members[place]) then enqueue(run, records[run], 'again') end
  end
  in_pieces('ZREM', K.aside, members)
  return #members, call('EXISTS', K.aside) == 1
end

local function is_alive(seat)
  return seat and string.sub(seat, 1, 1) ~= '-'
end

-- Sessions that say what they can run, to whether they are alive; and the members of `announced` by session.
local function read_announced()
  local alive, members = {}, {}
  for _, member in ipairs(call('ZRANGE', K.announced, 0, -1)) do members[string.match(member, '^[^\1]*')] = member end
  for session in pairs(members) do alive[session] = is_alive(call('HGET', K.sessions, session)) end
  return alive, members
end

-- Note what a session can run: none may say it twice.
local function announce(session, executors)
  call('ZADD', K.announced, 0, session .. executors)
end

-- A session is gone: it says nothing any more.
local function forget_session(session)
  call('HDEL', K.sessions, session)
  local said = call('ZRANGEBYLEX', K.announced, '[' .. session .. '\1', '(' .. session .. '\2')
  in_pieces('ZREM', K.announced, said)
end

local LOOK_MS = 1000 -- a session may have taken another's place, so that their numbers tell nothing

-- Whether every live session says what it can run, as the one that asks does. Those that others swept, who know of no
-- `announced`, are dropped from it.
local function all_announce(session, executors)
  local count = call('HLEN', K.sessions) .. ' ' .. call('ZLEXCOUNT', K.announced, '-', '+')
  local seen, at, answer = string.match(call('HGET', K.meta, 'announcing') or '', '^(%d+ %d+) (%d+) ([01])$')
  if seen == count and now >= tonumber(at) and now < at + LOOK_MS then return answer == '1' end
  local _, members = read_announced()
  if members[session] ~= session .. executors then
    in_pieces('ZREM', K.announced, {members[session]})
    announce(session, executors)
  end
  members[session] = nil
  local seats, all = call('HGETALL', K.sessions), true
  for place = 1, #seats, 2 do
    local other = seats[place]
    if other ~= session and not members[other] and is_alive(seats[place + 1]) then all = false end
    members[other] = nil
  end
  local dropped = {}
  for _, member in pairs(members) do dropped[#dropped + 1] = member end
  in_pieces('ZREM', K.announced, dropped)
  count = text(#seats / 2) .. ' ' .. call('ZLEXCOUNT', K.announced, '-', '+')
  call('HSET', K.meta, 'announcing', string.format('%s %d %d', count, now, all and 1 or 0))
  return all
end

-- Whether a session says what it can run, and no other does that is alive: nobody would find what lies aside.
local function alone_announces(session)
  local alive, members = read_announced()
  if not members[session] then return false end
  for other, lives in pairs(alive) do
    if lives and other ~= session then return false end
  end
  return true
end
