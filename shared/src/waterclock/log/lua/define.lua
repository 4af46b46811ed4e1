#!lua
-- Change a job: append what it still owes, then the event of the change, and move its mark.
--
--! keys: meta jobs marks successes events runs specs active waiting delayed aside held ended0 ended1 commands0 commands1 wake changes queues
--
-- P.job_id            the job
-- P.command           {id, fingerprint, client}
-- P.expected_version  of the job as the caller saw it; 0: it must not exist
-- P.expected_mark     ms; nil: any
-- P.through           ms, the new mark; nil: it stays
-- P.expected_now      ms, the caller's expectation of this clock; nil: none
-- P.tolerance         ms by which the clock may be ahead of it
-- P.units             units of this job, owed before the change
-- P.body              of the event
-- P.version           of the job after it
-- P.job               JSON of the job after it; nil: it is deleted
-- P.bars              runs requested before this event must not start
-- P.releases          runs that wait may overlap from now on
--
-- Returns {status}: 'done' with entry and mark; 'raced' with version and mark; 'ahead' with now;
-- 'replayed' with the first answer; 'reused': the command id was used for something else.

local CHANGES_LENGTH = 1000

local earlier = earlier_answer(P.command)
if earlier then
  if earlier[1] ~= P.command.fingerprint and not earlier[2].burnt then return cmsgpack.pack({status = 'reused'}) end
  return cmsgpack.pack({status = 'replayed', answer = earlier[2]})
end
local version, barred = job_head(P.job_id)
local mark = tonumber(call('HGET', K.marks, P.job_id) or 0)
if P.expected_now and now > P.expected_now + P.tolerance then
  return cmsgpack.pack({status = 'ahead', now = now})
end
-- A mark may lie beyond the clock, where that was turned back; then it stays, and does not stand in the way of an edit.
local late = P.through and (P.through > math.max(now, mark) or P.through < mark)
if (version or 0) ~= P.expected_version or (P.expected_mark and P.expected_mark ~= mark) or late then
  return cmsgpack.pack({status = 'raced', version = version or 0, mark = mark})
end

for _, unit in ipairs(P.units) do apply_unit(unit) end
local facts = {command_fact(P.command)}
if P.bars then facts[#facts + 1] = '"bars":true' end
if P.releases then facts[#facts + 1] = '"releases":true' end
local entry = emit(P.body, #facts > 0 and table.concat(facts, ',') or nil)
if P.job then
  local barrier = P.bars and entry or barred or '0-0'
  call('HSET', K.jobs, P.job_id, text(P.version) .. ' ' .. barrier .. ' ' .. P.job)
  if P.through then
    mark = P.through
    call('HSET', K.marks, P.job_id, mark)
    move_clock()
  end
  if P.releases then release_waiting(P.job_id, true) end
else
  call('HDEL', K.jobs, P.job_id)
  call('HDEL', K.marks, P.job_id)
  call('HDEL', K.successes, P.job_id)
end
call('XADD', K.changes, 'MAXLEN', '~', CHANGES_LENGTH, '*', 'job', P.job_id)
remember_command(P.command, {entry = entry, version = P.version})
return finish({status = 'done', entry = entry, mark = mark})
