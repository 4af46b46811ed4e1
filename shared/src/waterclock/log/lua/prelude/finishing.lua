-- The end of a script: doorbells, and writing what was gathered.

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

-- Write down where the events end, and give the reply, which tells it, too: the end of a script that touches no run.
local function conclude(reply)
  reply.last = {epoch, seq}
  if tostring(seq) ~= head[3] then
    changed_meta[#changed_meta + 1] = 'seq'
    changed_meta[#changed_meta + 1] = seq
  end
  if #changed_meta > 0 then call('HSET', K.meta, unpack(changed_meta)) end
  return cmsgpack.pack(reply)
end

-- Put the runs whose records nobody can read where a claim will end them: as ones whose requests are gone.
local function doom_ruined()
  local doomed = {}
  for run in pairs(ruined) do
    local record = records[run]
    if record then
      if record[ENTRY] == '' then enqueue(run, record, 'due') end
      doomed[#doomed + 1] = run
    end
  end
  in_pieces('HDEL', K.specs, doomed)
end

-- Write all that was gathered, and give the reply.
local function finish(reply)
  doom_ruined()
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
