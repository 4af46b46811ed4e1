-- What scripts share begins here. It stands before the body of each, after the line that binds the keys to `K`. Of the
-- paragraphs of this folder a script gets those that define nothing and those that define what it uses
-- (`log/scripts.py`): every closure costs each call.
--
-- ARGV[1]  run_id of the server process that the caller's connection reached
-- ARGV[2]  the payload, a msgpack map; `P` here
-- ARGV[3]  the floor: the highest epoch that the caller has seen opened, 0 for none; nil: of a release that knows of none
--
-- The gate comes first: a partition that names another server process has not been opened on this one, and nothing is
-- read or written; nor where a later epoch was opened elsewhere, so that this server is no longer the one to ask.
-- A runtime error keeps the writes already done, so all checks come before the first write, and what
-- is gathered on the way is written in few calls at the end, by `finish` or `conclude`.
--
-- Records of runs are arrays, here and in `log/records.py`:
local STATE, JOB, QUEUE, SERIAL, REQUESTED, READY_AT, PLACE, ENTRY = 1, 2, 3, 4, 5, 6, 7, 8
local ATTEMPT, FENCE, FAILURES, LOSSES, SESSION, CLAIM, CANCEL, STEP, SETTLED = 9, 10, 11, 12, 13, 14, 15, 16, 17
local REQUESTED_AT, ASIDE = 18, 19

local FENCES_PER_EPOCH = 1099511627776 -- 2^40

local REMEMBERED_MS, REMEMBERED_MOST = 600000, 500000 -- ends and our own commands, in each of two hashes: about 70 MB

local KEYS_KEPT_MS = 86400000 -- client keys

local DOORBELL_LENGTH = 100

local WAITING_MOST = 1000 -- for each job

local BATCH = 1000 -- arguments to one call; Lua's stack holds 8000

local call = redis.call
local P = cmsgpack.unpack(ARGV[2])
local head = call('HMGET', K.meta, 'run_id', 'epoch', 'seq', 'clock', 'fence', 'floor')
if not head[2] then return redis.error_reply('NOTINITIALISED no such log') end
if GATED and (head[1] ~= ARGV[1] or head[6] or ARGV[3] ~= head[2]) then
  local below = tonumber(head[2]) < math.max(tonumber(ARGV[3] or 0), tonumber(head[6] or 0))
  if below and ARGV[3] and head[2] ~= '0' then return redis.error_reply('SUPERSEDED by a server with a later epoch') end
  if below or head[1] ~= ARGV[1] then return redis.error_reply('HALTED not open on this server process') end
end

local epoch, seq, fence = tonumber(head[2]), tonumber(head[3]), tonumber(head[5])
local time = call('TIME')
local now = math.max(time[1] * 1000 + math.floor(time[2] / 1000), tonumber(head[4]))
local last = head[2] .. '-' .. head[3]
if seq == 0 then last = '' end

-- Name to keys of its streams; the first stands in for one that the caller does not know yet.
local QUEUES, first_queue = {}, nil
for place = FIRST_QUEUE_KEY, #KEYS, 3 do
  local name = string.match(KEYS[place], '}:[a-z:]-due:(.+)$')
  QUEUES[name] = {due = KEYS[place], again = KEYS[place + 1], suspect = KEYS[place + 2]}
  first_queue = first_queue or name
end

-- The same of the shadows that a repair fills, where a script names both.
local SHADOWS = {}
for place = FIRST_SHADOW_QUEUE_KEY, FIRST_QUEUE_KEY - 1, 3 do
  SHADOWS[string.match(KEYS[place], '}:[a-z:]-due:(.+)$')] =
    {due = KEYS[place], again = KEYS[place + 1], suspect = KEYS[place + 2]}
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

-- The id of the last entry that the stream ever had, '' for none.
local function stream_end()
  if call('EXISTS', K.events) == 0 then return '' end
  local told = call('XINFO', 'STREAM', K.events)
  for place = 1, #told, 2 do
    if told[place] == 'last-generated-id' and told[place + 1] ~= '0-0' then return told[place + 1] end
  end
  return ''
end

local function run_facts(run, job)
  if job == '' then return '"runId":"' .. run .. '"' end
  return '"runId":"' .. run .. '","jobId":"' .. job .. '"'
end

local function attempt_facts(record)
  return string.format('"attempt":%d,"fence":%d', record[ATTEMPT], record[FENCE])
end

-- The fence whose end is answered again, beside an end that is none of that attempt's; nil: there is none.
local function settled_fact(record)
  return record[SETTLED] ~= 0 and string.format('"settled":%d', record[SETTLED]) or nil
end

-- The first id that is beyond that of an entry.
local function id_after(entry)
  local major, minor = string.match(entry, '^(%d+)-(%d+)$')
  return major .. '-' .. text(minor + 1)
end

-- Whether the entry `one` stands before the entry `other`.
local function is_before(one, other)
  local epoch_one, seq_one = string.match(one, '^(%d+)-(%d+)$')
  local epoch_other, seq_other = string.match(other, '^(%d+)-(%d+)$')
  epoch_one, epoch_other = tonumber(epoch_one), tonumber(epoch_other)
  if epoch_one ~= epoch_other then return epoch_one < epoch_other end
  return tonumber(seq_one) < tonumber(seq_other)
end
