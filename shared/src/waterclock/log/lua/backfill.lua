#!lua
-- Request many runs of a job by one command, in order, until one would be refused because too many wait already.
--
--! keys: meta jobs events runs specs active waiting delayed aside held ended0 ended1 commands0 commands1 wake queues
--
-- P.command  {id, fingerprint, client}
-- P.job_id   the job
-- P.version  of it as the caller saw it
-- P.items    requests of runs, as items of a unit; 1 to 1000, which take as long as a catch-up of as many: about 30 ms
--
-- Returns {status}: 'done' with the entry of the last run and states, one for each that was requested; 'blocked' with the
-- run that blocks the first; 'nojob': the job does not exist; 'stale': it has another version; 'replayed' with the first
-- answer, whose entry is the last run's; 'reused': the command id was used for something else.

local earlier = earlier_answer(P.command)
if earlier then
  if earlier[1] ~= P.command.fingerprint and not earlier[2].burnt then return cmsgpack.pack({status = 'reused'}) end
  return cmsgpack.pack({status = 'replayed', answer = earlier[2]})
end
local version = job_head(P.job_id)
if version ~= P.version then return cmsgpack.pack({status = version and 'stale' or 'nojob'}) end

local runs = {}
for place, item in ipairs(P.items) do runs[place] = item.run_id end
recall(runs)
recall_ends(runs)
local fact = command_fact(P.command)
local states, last_entry, last_run = {}, nil, nil
for place, item in ipairs(P.items) do
  item.fact = fact
  local state, entry, other = request_run(item)
  if not entry then
    if place == 1 then return cmsgpack.pack({status = 'blocked', run_id = other}) end
    break
  end
  states[place], last_entry, last_run = state, entry, item.run_id
end
remember_command(P.command, {entry = last_entry, run_id = last_run})
return finish({status = 'done', entry = last_entry, states = states})
