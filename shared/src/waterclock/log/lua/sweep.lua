#!lua flags=allow-oom
-- Empty a session that was seen dead: its runs are queued again, or end.
--
--! keys: meta jobs events runs specs active waiting delayed aside sessions announced held ended0 ended1 wake queues
--
-- P.session         the session
-- P.number          its renewal number as the sweeper watched it for a whole lease; -1: found dead before
-- P.limit           runs at most
-- P.body_left       of WorkerLeft; nil: not told in this partition
-- P.body_lost       of RunLost, without runId, jobId, attempt, fence; so too the next
-- P.body_died       of RunDied
-- P.body_cancelled  of RunCancelled, also without reason
--
-- Returns {status, runs, lost}: 'alive': it has renewed; 'more': call again; 'emptied'. runs: how many were taken from it;
-- lost: those whose attempts were under way, each [run, job or '', attempt, what became of it: see `take_back`].

local LOSSES_MOST = 3

local seat = call('HGET', K.sessions, P.session)
if not seat then return cmsgpack.pack({status = 'emptied', runs = 0}) end
local renewal = tonumber(string.match(seat, '^%-?%d+'))
if renewal ~= -1 and renewal ~= P.number then return cmsgpack.pack({status = 'alive'}) end

if renewal ~= -1 and P.body_left then emit(P.body_left) end
call('HSET', K.sessions, P.session, '-1 0')
look_again()

local runs, held, lost = held_by(P.session, P.limit), {}, {}
recall(runs)
for place, run in ipairs(runs) do
  local record = records[run]
  held[place] = P.session .. ':' .. run
  if record and record[STATE] == 'running' and record[SESSION] == P.session then
    record[LOSSES] = record[LOSSES] + 1
    local attempt = record[ATTEMPT]
    lost[#lost + 1] = {run, record[JOB], attempt, take_back(run, record, record[LOSSES] > LOSSES_MOST)}
  end
end
if #held > 0 then in_pieces('ZREM', K.held, held) end
local more = #held_by(P.session, 1) > 0
if not more and alone_announces(P.session) then
  local _, left = return_aside(ASIDE_MOST)
  more = left
end
if not more then forget_session(P.session) end
return finish({status = more and 'more' or 'emptied', runs = #runs, lost = lost})
