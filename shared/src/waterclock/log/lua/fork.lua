#!lua flags=allow-oom
-- Open a partition whose stream lost its end: put what a repair gathered in place of its keys, and say what was lost.
-- The stream begins anew after the archive's last entry; older entries are read from the archive.
--
--! keys: meta events jobs marks successes runs specs active waiting delayed aside held sessions announced ended0 ended1 commands0 commands1 wake queues
--! shadows: jobs marks successes runs specs active waiting delayed held ended0 commands0 queues
--! ungated
--
-- P.epoch     to open it in, that of the repair
-- P.server    run_id of the process, as the caller wrote it into the body
-- P.tail      id of the stream's last entry as the caller compared it with the archive, '' for none
-- P.archived  id of the archive's last entry, '' for none
-- P.body      of LogForked
-- P.clock     ms, not before any mark
-- P.paused    field, value, ... of `meta`: the queues that are paused
--
-- Returns {status}: 'done' or 'already' with the partition's last entry; 'elsewhere': the connection reached another
-- process; 'open': the partition is, in another epoch; 'stale': another repair has begun; 'moved' with the stream's last
-- entry id.

local TERMS_PER_EPOCH = 1048576 -- 2^20: no leader of an earlier epoch is taken for a present one

if P.server ~= ARGV[1] then return cmsgpack.pack({status = 'elsewhere'}) end
if head[1] == ARGV[1] then
  return cmsgpack.pack({status = epoch == P.epoch and 'already' or 'open', entry = last})
end
if P.epoch <= math.max(epoch, tonumber(head[6] or 0)) or call('HGET', K.meta, 'repair') ~= text(P.epoch) .. ' ' .. ARGV[1] then
  return cmsgpack.pack({status = 'stale'})
end
local tail = stream_end()
if P.tail ~= tail then return cmsgpack.pack({status = 'moved', entry = tail}) end

local function replace(key, shadow)
  call('UNLINK', key)
  if call('EXISTS', shadow) == 1 then call('RENAME', shadow, key) end
end
replace(K.jobs, S.jobs)
replace(K.marks, S.marks)
replace(K.successes, S.successes)
replace(K.runs, S.runs)
replace(K.specs, S.specs)
replace(K.active, S.active)
replace(K.waiting, S.waiting)
replace(K.delayed, S.delayed)
replace(K.held, S.held)
replace(K.ended0, S.ended0)
replace(K.commands0, S.commands0)
for name, streams in pairs(QUEUES) do
  replace(streams.due, SHADOWS[name].due)
  replace(streams.again, SHADOWS[name].again)
  replace(streams.suspect, SHADOWS[name].suspect)
  call('HDEL', K.meta, 'paused:' .. name)
end
call('UNLINK', K.events, K.sessions, K.announced, K.aside, K.ended1, K.commands1)

now = math.max(now, P.clock)
last, epoch, seq, head[2] = P.archived, P.epoch, 0, text(P.epoch)
local entry = emit(P.body)
call('HDEL', K.meta, 'repair', 'leader', 'floor')
call('HSET', K.meta, 'epoch', epoch, 'run_id', ARGV[1], 'fence', 0, 'clock', P.clock, 'leader_until', 0,
  'term', math.max(tonumber(call('HGET', K.meta, 'term') or 0), epoch * TERMS_PER_EPOCH),
  'ended_side', 0, 'ended_since', now, 'commands_side', 0, 'commands_since', now)
in_pieces('HSET', K.meta, P.paused)
ring()
return conclude({status = 'done', entry = entry})
