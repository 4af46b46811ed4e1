#!lua flags=allow-oom
-- Take or keep the leadership of a partition. Leadership only saves work: no guarantee rests on it.
--
--! keys: meta events
--
-- P.scheduler  the candidate
-- P.ttl        ms
-- P.body       of LeadershipTaken, without term
-- P.next_at    ms, the oldest undecided instant as the leader knows it; 0: none is to come; nil: it does not know
--
-- Returns {term, mine, now, ends_at}: the present term, whether it is the candidate's, this clock and its end, ms.

local leader, term, ends_at, lasts = unpack(call('HMGET', K.meta, 'leader', 'term', 'leader_until', 'leader_ttl'))
term, ends_at = tonumber(term or 0), tonumber(ends_at or 0)
-- A term that is to go on for longer than one lasts is over: the server's clock was set back.
local held = leader and ends_at > now and ends_at - now <= tonumber(lasts or math.huge)
if held and leader ~= P.scheduler then
  return cmsgpack.pack({term = term, mine = false, now = now, ends_at = ends_at})
end
if not held then
  term = term + 1
  emit(P.body, '"term":' .. term)
end
ends_at = now + P.ttl
call('HSET', K.meta, 'leader', P.scheduler, 'term', term, 'leader_until', ends_at, 'leader_ttl', P.ttl)
if held and P.next_at then call('HSET', K.meta, 'next_at', P.next_at) end
return conclude({term = term, mine = true, now = now, ends_at = ends_at})
