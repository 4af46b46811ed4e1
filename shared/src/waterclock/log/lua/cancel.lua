#!lua flags=allow-oom
-- Cancel a run: one that runs is asked to stop, any other ends at once.
--
--! keys: meta events runs specs active waiting delayed aside held ended0 ended1 commands0 commands1 wake queues
--
-- P.run_id          the run
-- P.command         {id, fingerprint, client}
-- P.body_requested  of RunCancelRequested, complete
-- P.body_cancelled  of RunCancelled, without attempt, fence and settled
--
-- Returns {status}: 'done' with entry and at_once; 'ended' with ended: its status; 'norun'; 'replayed' with the first
-- answer; 'reused': the command id was used for something else.

local earlier = earlier_answer(P.command)
if earlier then
  if earlier[1] ~= P.command.fingerprint and not earlier[2].burnt then return cmsgpack.pack({status = 'reused'}) end
  return cmsgpack.pack({status = 'replayed', answer = earlier[2]})
end
local run = P.run_id
local record = record_of(run)
if not record then
  local over = end_of(run)
  if over then return cmsgpack.pack({status = 'ended', ended = over[1]}) end
  return cmsgpack.pack({status = 'norun'})
end

local at_once, entry = record[STATE] ~= 'running', nil
if at_once then
  withdraw(run, record)
  local facts = {settled_fact(record)}
  facts[#facts + 1] = command_fact(P.command)
  entry = emit(P.body_cancelled, #facts > 0 and table.concat(facts, ',') or nil)
  finish_run(run, record, 'cancelled', entry)
else
  entry = ask_to_stop(run, record, P.body_requested, command_fact(P.command))
end
remember_command(P.command, {entry = entry, run_id = run, at_once = at_once})
return finish({status = 'done', entry = entry, at_once = at_once})
