#!lua flags=allow-oom
-- End attempts: their runs end, are tried again later, or are given back.
--
--! keys: meta jobs successes events runs specs active waiting delayed held ended0 ended1 commands0 commands1 wake queues
--
-- P.endings  each {run_id, attempt, fence, body, ended, ready_at, counted, give_back, nominal_at, body_cancelled,
--            body_refused}:
--            ended: the run's status, or nil when another attempt follows; ready_at: ms of that; counted: this attempt
--            uses one up; give_back: to `again`, at once; body_cancelled: instead, if the run was cancelled or barred
--            meanwhile; body_refused: of ResultRefused; nominal_at: ms of the run's instant, 0: it has none
--
-- Returns {results}, one for each: 'done'; 'cancelled'; 'repeated': done before; 'refused': the attempt was taken away.

local results, runs = {}, {}
for place, ending in ipairs(P.endings) do runs[place] = ending.run_id end
recall(runs)

-- A late writer changes nothing, but it shows, once.
local function refuse(ending)
  local command = {id = 'refused ' .. ending.run_id .. ' ' .. text(ending.fence), fingerprint = ''}
  if not earlier_answer(command) then
    emit(ending.body_refused)
    remember_command(command, {})
  end
  return 'refused'
end

local function leave_session(run, record)
  unheld[#unheld + 1] = record[SESSION] .. ':' .. run
  record[SESSION], record[CLAIM] = '', 0
  dirty[run] = true
end

local function try_again(ending, run, record)
  local reason = why_barred(record)
  if (record[CANCEL] ~= '' or reason) and ending.body_cancelled then
    local facts = record[CANCEL] == '' and '"reason":"' .. reason .. '"' or nil
    finish_run(run, record, 'cancelled', emit(ending.body_cancelled, facts))
    return 'cancelled'
  end
  emit(ending.body)
  leave_session(run, record)
  if ending.counted then record[FAILURES] = record[FAILURES] + 1 end
  if ending.give_back then
    enqueue(run, record, 'again')
  else
    record[READY_AT] = ending.ready_at
    place_run(run, record)
  end
  return 'done'
end

local succeeded, jobs = {}, {} -- job to ms: the latest that its successful runs stand for

local function note_success(record, nominal_at)
  local job, at = record[JOB], nominal_at ~= 0 and nominal_at or record[REQUESTED_AT] or 0
  if job == '' or not job_head(job) then return end -- a deleted job has none
  if not succeeded[job] then jobs[#jobs + 1] = job end
  succeeded[job] = math.max(succeeded[job] or 0, at)
end

local function write_successes()
  local later = {}
  for place, before in ipairs(read_fields(K.successes, jobs)) do
    local job = jobs[place]
    if succeeded[job] > tonumber(before or 0) then
      later[#later + 1] = job
      later[#later + 1] = text(succeeded[job])
    end
  end
  in_pieces('HSET', K.successes, later)
end

for place, ending in ipairs(P.endings) do
  local run = ending.run_id
  local record = records[run]
  local over = not record and end_of(run)
  if (over and over[2] == ending.fence) or (record and record[SETTLED] == ending.fence) then
    results[place] = 'repeated'
  elseif not record or record[STATE] ~= 'running' or record[FENCE] ~= ending.fence then
    results[place] = refuse(ending)
  else
    record[SETTLED] = record[FENCE]
    if ending.ended then
      finish_run(run, record, ending.ended, emit(ending.body))
      if ending.ended == 'succeeded' then note_success(record, ending.nominal_at) end
      results[place] = 'done'
    else
      results[place] = try_again(ending, run, record)
    end
  end
end
write_successes()
return finish({results = results})
