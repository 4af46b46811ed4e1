-- Records of runs: read in few calls, changed in memory, written back by `finish`.

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
