-- What a job says about its runs.

local heads = {}

-- Version and `barredThrough` of a job; nothing when it does not exist. The definition is never parsed here.
local function job_head(job)
  if heads[job] == nil then
    local stored = call('HGET', K.jobs, job)
    heads[job] = stored and {string.match(stored, '^(%d+) (%S+) ')} or false
  end
  local found = heads[job]
  if found then return tonumber(found[1]), found[2] end
end

-- Why a run must not start, be tried again or given again: 'jobDeleted', 'jobDisabled', or nil.
local function why_barred(record)
  if record[JOB] == '' then return nil end
  local version, barred = job_head(record[JOB])
  if not version then return 'jobDeleted' end
  if barred ~= '0-0' and is_before(record[REQUESTED], barred) then return 'jobDisabled' end
end

-- Cancel a run that does not run. The body lacks what the facts give; `reason` nil stands for the body's own.
local function cancel_standing(run, record, body, reason)
  withdraw(run, record)
  local facts = run_facts(run, record[JOB]) .. ',' .. attempt_facts(record)
  if reason then facts = facts .. ',"reason":"' .. reason .. '"' end
  finish_run(run, record, 'cancelled', emit(body, facts))
end

-- Ask that a running attempt be stopped; asked once. `facts` as for `emit`. Returns the entry of the asking.
local function ask_to_stop(run, record, body, facts)
  if record[CANCEL] == '' then
    record[CANCEL] = emit(body, facts)
    dirty[run] = true
    cancels[#cancels + 1] = run
  end
  return record[CANCEL]
end
