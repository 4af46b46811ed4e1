#!lua flags=allow-oom
-- Take back the attempts that ran when the log was lost: their runs are queued again without a loss of theirs, or end.
--
--! keys: meta jobs events runs specs active waiting delayed held ended0 ended1 wake queues
--
-- P.session         under which a repair put them
-- P.limit           runs at most
-- P.body_lost       of RunLost, without runId, jobId, attempt, fence
-- P.body_cancelled  of RunCancelled, also without reason
--
-- Returns {runs}: how many; fewer than the limit: there are no more.

local runs = held_by(P.session, P.limit)
recall(runs)
for _, run in ipairs(runs) do
  unheld[#unheld + 1] = P.session .. ':' .. run
  if records[run] and not ruined[run] then take_back(run, records[run], false) end
end
return finish({runs = #runs})
