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

local STATES = {queued = true, delayed = true, waiting = true, running = true}

-- The table that was packed; false if there is none, or nobody can read it.
local function unpacked(packed)
  if not packed then return false end
  local read, value = pcall(cmsgpack.unpack, packed)
  return read and type(value) == 'table' and value
end

-- The record that was packed. An error where a field is not what scripts take it for; told by sums, since asking each for
-- its type took six times as long.
local function read_record(packed)
  local record = cmsgpack.unpack(packed)
  local _ = record[READY_AT] + record[ATTEMPT] + record[FENCE] + record[FAILURES] + record[LOSSES] + record[CLAIM]
    + record[STEP] + record[SETTLED] + #record[JOB] + #record[QUEUE] + #record[REQUESTED] + #record[PLACE]
    + #record[ENTRY] + #record[SESSION] + #record[CANCEL]
  return STATES[record[STATE]] and record
end

local ruined = {} -- runs whose records nobody can read

-- In place of a record that nobody can read: of such a run only its id is sure, and of that whether it is a job's. It
-- is queued, but nowhere, until `claim` ends it or `finish` puts it where a claim will. As if requested just now: no
-- disable of its job bars it.
local function ruin(run)
  ruined[run] = true
  local job = call('ZLEXCOUNT', K.active, '[' .. run, '[' .. run) == 1 and string.match(run, '^[^-]+') or ''
  return {'queued', job, '', false, last, now, '', '', 0, 0, 0, 0, '', 0, '', 0, 0, now}
end

-- Load the records of these runs, in one call.
local function recall(runs)
  local packed = read_fields(K.runs, runs)
  for place, run in ipairs(runs) do
    if records[run] == nil then
      local whole, record = false, nil
      if packed[place] then whole, record = pcall(read_record, packed[place]) end
      records[run] = packed[place] and (whole and record or ruin(run))
    end
  end
end

local function record_of(run)
  if records[run] == nil then recall({run}) end
  return records[run]
end
