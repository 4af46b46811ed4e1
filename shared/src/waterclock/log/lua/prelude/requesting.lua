-- How runs come into being, and what becomes of those that meet unfinished ones of their job.

-- Under `cancel_other`: stop every unfinished run of the job.
local function cancel_others(job, replacing)
  for _, other in ipairs(unfinished_runs(job, BATCH)) do
    local record = record_of(other)
    if record and record[STATE] == 'running' then
      ask_to_stop(other, record, replacing[1], run_facts(other, job))
    elseif record then
      cancel_standing(other, record, replacing[2], nil)
    end
  end
end

-- What becomes of a run that meets unfinished ones of its job: 'place', 'wait', or who it is blocked by or folds into.
local function settle_overlap(item)
  local job, policy = item.job_id, item.overlap
  if policy == 'allow' or not job or count_unfinished(job) == 0 then return 'place' end
  if policy == 'skip' then return 'blocked', unfinished_runs(job, 1)[1] end
  if policy == 'buffer_all' then
    if count_waiting(job) >= WAITING_MOST then return 'blocked', unfinished_runs(job, 1)[1] end
    return 'wait', run_before(job)
  end
  local waiting = first_waiting(job)
  if waiting then return 'folded', waiting end
  if policy == 'cancel_other' then
    cancel_others(job, item.replacing)
    if count_unfinished(job) == 0 then return 'place' end
  end
  return 'wait', run_before(job)
end

local BESIDE = {blocked = '"blockedBy":"', folded = '"into":"'}

-- Request a run: append its RunRequested, or what it becomes otherwise, and put it where it belongs.
-- Returns the run's state (or 'blocked', 'folded', 'ended'), the entry, and the other run of a wait, block or fold.
local function request_run(item)
  local run, job = item.run_id, item.job_id or ''
  local known = record_of(run)
  if known then return known[STATE], known[REQUESTED] end
  local over = end_of(run)
  if over then return 'ended', over[3] end

  local fate, other = settle_overlap(item)
  if BESIDE[fate] then
    local entry = item.otherwise and emit(item.otherwise, BESIDE[fate] .. other .. '"')
    return fate, entry, other
  end
  local ready_at = item.ready_at or 0
  local state = fate == 'wait' and 'waiting' or (ready_at > now and 'delayed' or 'queued')
  local facts = '"state":"' .. state .. '"'
  if item.overlap ~= 'allow' then facts = facts .. ',"serial":true' end
  if item.fact then facts = facts .. ',' .. item.fact end
  if other then facts = facts .. ',"waitingOn":"' .. other .. '"' end
  local entry = emit(item.body, facts)
  local record = {state, job, item.queue, item.overlap ~= 'allow', entry, ready_at, '', '', 0, 0, 0, 0, '', 0, '', 0, 0, now}
  records[run] = record
  specs[#specs + 1] = run
  specs[#specs + 1] = item.body
  if job ~= '' then
    joining[#joining + 1] = 0
    joining[#joining + 1] = run
  end
  if state == 'waiting' then put_to_wait(run, record) else place_run(run, record) end
  return state, entry, other
end

-- Apply a unit: all that is owed by a job between two marks, in order. What did not become a run is put into `met`, if
-- given, with the unit's place.
local function apply_unit(unit, met, place)
  for number, item in ipairs(unit.items) do
    if item.run_id then
      local fate, _, other = request_run(item)
      if met and BESIDE[fate] then met[#met + 1] = {place, number, fate, other} end
    else
      emit(item.body)
    end
  end
end
