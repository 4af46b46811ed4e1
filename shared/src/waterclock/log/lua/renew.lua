#!lua flags=allow-oom
-- Renew a session's lease, and tell what it holds.
--
--! keys: meta runs active sessions held
--
-- P.session  the session
-- P.number   of this renewal, growing
--
-- Returns {status}: 'nosession'; 'done' with held, each {run, fence, attempt, cancelled, claim}: whether it is to be
-- cancelled, and the number of the claim that granted it. Fence 0, which is nobody's: its record cannot be read, and who
-- hands it back ends it.

local seat = call('HGET', K.sessions, P.session)
local renewal, claimed = string.match(seat or '-1 0', '^(%-?%d+) (%d+)')
if renewal == '-1' then return cmsgpack.pack({status = 'nosession'}) end

local prefix = P.session .. ':'
local runs, held = {}, {}
for place, member in ipairs(call('ZRANGEBYLEX', K.held, '[' .. prefix, '(' .. P.session .. ';')) do
  runs[place] = string.sub(member, #prefix + 1)
end
recall(runs)
for place, run in ipairs(runs) do
  local record = records[run]
  if record and (ruined[run] or record[SESSION] == P.session) then
    held[#held + 1] = {run, record[FENCE], record[ATTEMPT], record[CANCEL] ~= '', record[CLAIM]}
  else
    call('ZREM', K.held, prefix .. run)
  end
end
call('HSET', K.sessions, P.session, string.format('%d %s %d', math.max(P.number, tonumber(renewal)), claimed, now))
return cmsgpack.pack({status = 'done', held = held})
