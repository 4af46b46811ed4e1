#!lua flags=allow-oom
-- Put a part of a halted partition back as the archive knows it: into the shadows of its keys, which `fork` puts in their
-- place. Until then nothing has changed, wherever a repair stops; the next one begins anew.
--
--! keys: meta jobs marks successes runs specs active waiting delayed held ended0 commands0 queues
--! shadows only
--! ungated
--
-- P.epoch     that the partition is to be opened in; no other repair has the same
-- P.server    run_id of the process, as the caller saw it
-- P.begins    forget what an earlier repair left
-- P.jobs      field, value, ... of `jobs`; P.marks of `marks`, P.successes of `successes`
-- P.runs      each {run_id, record, body}, in the order in which they are to be due; a record that says `queued` is put
--             where its other fields and this clock say
-- P.ended     each {field, value} of ends and of our own commands; P.commands of clients' keys
--
-- Returns {status}: 'done'; 'elsewhere': the connection reached another process; 'open': the partition is; 'stale': this
-- repair has not begun on this process, or another has begun since.

if P.server ~= ARGV[1] then return cmsgpack.pack({status = 'elsewhere'}) end
if head[1] == ARGV[1] then return cmsgpack.pack({status = 'open'}) end
local mine, present = text(P.epoch) .. ' ' .. ARGV[1], call('HGET', K.meta, 'repair') or '0 '
if P.begins and tonumber(string.match(present, '^%d+')) >= P.epoch then return cmsgpack.pack({status = 'stale'}) end
if not P.begins and present ~= mine then return cmsgpack.pack({status = 'stale'}) end

if P.begins then
  for name, key in pairs(K) do
    if name ~= 'meta' then call('UNLINK', key) end
  end
  for _, streams in pairs(QUEUES) do call('UNLINK', streams.due, streams.again, streams.suspect) end
  call('HSET', K.meta, 'repair', mine)
end

local function pack_into(key, pairs_of)
  local packed = {}
  for _, pair in ipairs(pairs_of) do
    packed[#packed + 1] = pair[1]
    packed[#packed + 1] = cmsgpack.pack(pair[2])
  end
  in_pieces('HSET', key, packed)
end

local held = {}
for _, one in ipairs(P.runs) do
  local run, record = one.run_id, one.record
  records[run], dirty[run] = record, true
  specs[#specs + 1] = run
  specs[#specs + 1] = one.body
  if record[JOB] ~= '' then
    joining[#joining + 1] = 0
    joining[#joining + 1] = run
  end
  if record[STATE] == 'running' then
    held[#held + 1] = 0
    held[#held + 1] = record[SESSION] .. ':' .. run
  elseif record[STATE] == 'waiting' then
    put_to_wait(run, record)
  elseif record[PLACE] == 'again' then
    enqueue(run, record, 'again')
  else
    place_run(run, record)
  end
end
write_changed()
in_pieces('HSET', K.specs, specs)
in_pieces('ZADD', K.held, held)
settle_active()
in_pieces('HSET', K.jobs, P.jobs)
in_pieces('HSET', K.marks, P.marks)
in_pieces('HSET', K.successes, P.successes)
pack_into(K.ended0, P.ended)
pack_into(K.commands0, P.commands)
return cmsgpack.pack({status = 'done'})
