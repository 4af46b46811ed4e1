-- What a job says about its runs.

local heads = {}

-- Version and `barredThrough` as they stand before the definition, which is never parsed here. Where nobody can read them
-- the job exists all the same: in version 0, which nobody saw, and it bars nothing.
local function head_in(stored)
  local version, barred = string.match(stored, '^(%d+) (%d+%-%d+) ')
  return {version or '0', barred or '0-0'}
end

-- Version and `barredThrough` of a job; nothing when it does not exist.
local function job_head(job)
  if heads[job] == nil then
    local stored = call('HGET', K.jobs, job)
    heads[job] = stored and head_in(stored)
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

-- Cancel a run that does not run: no attempt of it ends. The body lacks what the facts give; `reason` nil stands for
-- the body's own.
local function cancel_standing(run, record, body, reason)
  withdraw(run, record)
  local facts, settled = run_facts(run, record[JOB]), settled_fact(record)
  if settled then facts = facts .. ',' .. settled end
  if reason then facts = facts .. ',"reason":"' .. reason .. '"' end
  finish_run(run, record, 'cancelled', emit(body, facts))
end

-- Take a run from an attempt that ended without a word: it is queued again, or ends. `over`: it was lost too often.
-- Returns 'again', 'died' or 'cancelled'.
local function take_back(run, record, over)
  local facts = run_facts(run, record[JOB]) .. ',' .. attempt_facts(record)
  local told_settled = ',"settled":' .. text(record[SETTLED]) -- its own worker's end would be a late one
  local reason = why_barred(record)
  if record[CANCEL] ~= '' then
    finish_run(run, record, 'cancelled', emit(P.body_cancelled, facts .. told_settled))
  elseif reason then
    facts = facts .. told_settled .. ',"reason":"' .. reason .. '"'
    finish_run(run, record, 'cancelled', emit(P.body_cancelled, facts))
  elseif over then
    finish_run(run, record, 'died', emit(P.body_died, facts .. told_settled))
    return 'died'
  else
    emit(P.body_lost, facts)
    record[SESSION], record[CLAIM] = '', 0
    enqueue(run, record, 'again')
    return 'again'
  end
  return 'cancelled'
end

-- The runs that a session holds, at most so many.
local function held_by(session, most)
  local prefix = session .. ':'
  local runs = {}
  for place, member in ipairs(call('ZRANGEBYLEX', K.held, '[' .. prefix, '(' .. session .. ';', 'LIMIT', 0, most)) do
    runs[place] = string.sub(member, #prefix + 1)
  end
  return runs
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
