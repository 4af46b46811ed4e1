#!lua
-- Append the decisions of many jobs and move their marks.
--
--! keys: meta jobs marks events runs specs active waiting delayed aside held ended0 ended1 wake queues
--
-- P.term          the caller's term as leader of this partition
-- P.expected_now  ms, the caller's expectation of this clock
-- P.tolerance     ms by which the clock may be ahead of it
-- P.units         {job_id, version, mark, through (ms), items}
--
-- Returns {status, now}: 'done' with results, one for each unit: 'done'; 'raced': version or mark are not what the
-- caller saw, or the mark would not move; 'future': `through` is beyond this clock. With them `met`: {place of a unit,
-- place of an item in it, 'blocked' or 'folded', by or into which run} for each run that was not requested for it.
-- 'stale': an old term. 'ahead': the clock is ahead of what was expected.

if P.term < tonumber(call('HGET', K.meta, 'term') or 0) then return cmsgpack.pack({status = 'stale', now = now}) end
if now > P.expected_now + P.tolerance then return cmsgpack.pack({status = 'ahead', now = now}) end

local jobs, runs = {}, {}
for _, unit in ipairs(P.units) do
  jobs[#jobs + 1] = unit.job_id
  for _, item in ipairs(unit.items) do runs[#runs + 1] = item.run_id end
end
recall(runs)
recall_ends(runs)
for place, stored in ipairs(read_fields(K.jobs, jobs)) do
  heads[jobs[place]] = stored and head_in(stored)
end
local marks = {}
for place, mark in ipairs(read_fields(K.marks, jobs)) do marks[jobs[place]] = tonumber(mark or 0) end

local results, moved, met = {}, {}, {}
for place, unit in ipairs(P.units) do
  local job = unit.job_id
  if job_head(job) ~= unit.version or marks[job] ~= unit.mark or unit.through <= unit.mark then
    results[place] = 'raced'
  elseif unit.through > now then
    results[place] = 'future'
  else
    apply_unit(unit, met, place)
    marks[job] = unit.through
    moved[#moved + 1] = job
    moved[#moved + 1] = unit.through
    results[place] = 'done'
  end
end
if #moved > 0 then
  in_pieces('HSET', K.marks, moved)
  move_clock()
end
return finish({status = 'done', now = now, results = results, met = met})
