-- Runs that lie aside, since a session met them that lacked their executor; and which sessions say what they can run.

local ASIDE_MOST = 150 -- set aside, or returned, in a call: less than 2 ms, beside what the call grants

local CLASSES = {suspect = '0', again = '1', due = '2'}

-- The executor that a request names, as it is encoded there; nil: it names none.
local function executor_in(body)
  local _, before = string.find(body, '"invokeTarget":"', 1, true)
  if not before then return nil end
  local plain, at = string.match(body, '^([^"\\]*)"', before + 1), before + 1
  while not plain and at do
    at = string.find(body, '["\\]', at)
    if at and string.byte(body, at) == 34 then return string.sub(body, before + 1, at - 1) end
    at = at and at + 2
  end
  return plain
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

-- Whether anything lies aside. `noted`: what `meta` says, which is so from when something is set aside until a look finds
-- nothing there; where it is not said, nothing does.
local function some_lie_aside(noted)
  if not noted or noted == '' then return false end
  if call('EXISTS', K.aside) == 1 then return true end
  changed_meta[#changed_meta + 1] = 'aside'
  changed_meta[#changed_meta + 1] = ''
  return false
end

-- Put what lies aside back into its queues, at most so many. Returns how many, and whether any is left.
local function return_aside(most)
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

-- Let the next claim look again at who says what it can run.
local function look_again()
  changed_meta[#changed_meta + 1] = 'announcing'
  changed_meta[#changed_meta + 1] = ''
end

-- A session is gone: it says nothing any more.
local function forget_session(session)
  call('HDEL', K.sessions, session)
  local said = call('ZRANGEBYLEX', K.announced, '[' .. session .. '\1', '(' .. session .. '\2')
  in_pieces('ZREM', K.announced, said)
end

local LOOK_MS = 1000 -- sessions of a release before come and go without a word

-- What a session says that it can run: names, as requests encode them, between bytes '\1'; nil: it does not say.
local function announced_by(session)
  local member = call('ZRANGEBYLEX', K.announced, '[' .. session .. '\1', '(' .. session .. '\2')[1]
  return member and string.sub(member, #session + 1)
end

-- Whether every live session says what it can run. `seen`: what the last look saw, which is in `meta`. A look drops from
-- `announced` whom others swept, who know of no such key.
local function all_announce(seen)
  local at, answer = string.match(seen or '', '^(%d+) ([01])$')
  local reading = time[1] * 1000 + math.floor(time[2] / 1000) -- `now` stands still where the clock was set back
  if at and reading >= tonumber(at) and reading < at + LOOK_MS then return answer == '1' end
  local members, dropped, all = {}, {}, 1
  for _, member in ipairs(call('ZRANGE', K.announced, 0, -1)) do members[string.match(member, '^[^\1]*')] = member end
  local seats = call('HGETALL', K.sessions)
  for place = 1, #seats, 2 do
    if not members[seats[place]] and is_alive(seats[place + 1]) then all = 0 end
    members[seats[place]] = nil
  end
  for _, member in pairs(members) do dropped[#dropped + 1] = member end
  in_pieces('ZREM', K.announced, dropped)
  changed_meta[#changed_meta + 1] = 'announcing'
  changed_meta[#changed_meta + 1] = string.format('%d %d', reading, all)
  return all == 1
end

-- Whether a session says what it can run, and no other does that is alive: nobody would find what lies aside.
local function alone_announces(session)
  local announces = false
  for _, member in ipairs(call('ZRANGE', K.announced, 0, -1)) do
    local one = string.match(member, '^[^\1]*')
    if one == session then
      announces = true
    elseif is_alive(call('HGET', K.sessions, one)) then
      return false
    end
  end
  return announces
end
