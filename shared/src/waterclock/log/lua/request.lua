#!lua
-- Request runs by command: triggers, retries, runs without a job.
--
--! keys: meta jobs events runs specs active waiting delayed aside held ended0 ended1 commands0 commands1 wake queues
--
-- P.wishes  each {command, request, version}, apart from each other and in order:
--           command: {id, fingerprint, client}; request: as an item of a unit; version: of the job as the caller saw it,
--           nil: any
--
-- Returns {results}, one for each: {status}: 'done' with entry and state; 'blocked' with the run that blocks; 'nojob':
-- the job does not exist; 'stale': it has another version; 'replayed' with the first answer; 'reused': the command id
-- was used for something else.

local runs = {}
for place, wish in ipairs(P.wishes) do runs[place] = wish.request.run_id end
recall(runs)
recall_ends(runs)

local function answer_to(command, item, seen_version)
  local earlier = command.client and earlier_answer(command)
  if earlier then
    if earlier[1] ~= command.fingerprint and not earlier[2].burnt then return {status = 'reused'} end
    return {status = 'replayed', answer = earlier[2]}
  end
  -- A command of our own is known by its run, whose id derives from the command's: nothing more need be remembered.
  local version = item.job_id and job_head(item.job_id)
  local seen = item.job_id == nil or (version and (seen_version == nil or seen_version == version))
  if not seen and not record_of(item.run_id) and not end_of(item.run_id) then
    return {status = version and 'stale' or 'nojob'}
  end

  item.fact = command_fact(command)
  local state, entry, other = request_run(item)
  if not entry or state == 'blocked' or state == 'folded' then
    return {status = 'blocked', run_id = other, entry = entry}
  end
  if command.client then remember_command(command, {entry = entry, run_id = item.run_id}) end
  return {status = 'done', entry = entry, state = state}
end

local results = {}
for place, wish in ipairs(P.wishes) do results[place] = answer_to(wish.command, wish.request, wish.version) end
return finish({results = results})
