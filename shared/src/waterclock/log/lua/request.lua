#!lua
-- Request a run by command: a trigger, a retry, a run without a job.
--
--! keys: meta jobs events runs specs active waiting delayed held ended0 ended1 commands0 commands1 wake queues
--
-- P.command  {id, fingerprint, client}
-- P.request  as an item of a unit
-- P.version  of the job as the caller saw it; nil: any
--
-- Returns {status}: 'done' with entry and state; 'blocked' with the run that blocks; 'nojob': the job does not exist;
-- 'stale': it has another version; 'replayed' with the first answer; 'reused': the command id was used for something else.

local item = P.request
local earlier = P.command.client and earlier_answer(P.command)
if earlier then
  if earlier[1] ~= P.command.fingerprint and not earlier[2].burnt then return cmsgpack.pack({status = 'reused'}) end
  return cmsgpack.pack({status = 'replayed', answer = earlier[2]})
end
-- A command of our own is known by its run, whose id derives from the command's: nothing more need be remembered.
local version = item.job_id and job_head(item.job_id)
local seen = item.job_id == nil or (version and (P.version == nil or P.version == version))
if not seen and not record_of(item.run_id) and not end_of(item.run_id) then
  return cmsgpack.pack({status = version and 'stale' or 'nojob'})
end

item.fact = command_fact(P.command)
local state, entry, other = request_run(item)
if not entry then return cmsgpack.pack({status = 'blocked', run_id = other}) end
if state == 'blocked' or state == 'folded' then
  return finish({status = 'blocked', run_id = other, entry = entry})
end
if P.command.client then remember_command(P.command, {entry = entry, run_id = item.run_id}) end
return finish({status = 'done', entry = entry, state = state})
