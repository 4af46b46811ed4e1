-- What is remembered for a while, so that a repeated call is answered: ends and command ids.

local remembered = {} -- field, value, field, value: ends, and our own commands as `!<id>`

local ends = {} -- run to end, false when there is none

-- Load the ends of these runs, in two calls.
local function recall_ends(runs)
  local one, other = read_fields(K.ended0, runs), read_fields(K.ended1, runs)
  for place, run in ipairs(runs) do
    local packed = one[place] or other[place]
    if ends[run] == nil then ends[run] = unpacked(packed) end
  end
end

-- How the run ended, {status, fence of the last attempt that its worker ended itself, entry}; false if it did not, or
-- long ago.
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

-- What stands beside an event that a client's command led to, so that the archive knows the command; nil for our own.
local function command_fact(command)
  return command.client and '"fingerprint":' .. cjson.encode(command.fingerprint) or nil
end

-- What an earlier call with this command id answered: {fingerprint, answer}; nil if it is new.
local function earlier_answer(command)
  local field, packed = command_field(command), nil
  if command.client then
    packed = call('HGET', K.commands0, field) or call('HGET', K.commands1, field)
  else
    packed = call('HGET', K.ended0, field) or call('HGET', K.ended1, field)
  end
  return unpacked(packed) or nil
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
