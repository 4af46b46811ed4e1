#!lua flags=allow-oom
-- Close a session. One that still holds runs is marked dead: a sweeper empties it.
--
--! keys: meta events sessions held
--
-- P.session  the session
-- P.body     of WorkerLeft; nil: not told in this partition
--
-- Returns {status}: 'done'.

local seat = call('HGET', K.sessions, P.session)
if not seat or string.sub(seat, 1, 1) == '-' then return cmsgpack.pack({status = 'done'}) end
if P.body then emit(P.body) end
if call('ZLEXCOUNT', K.held, '[' .. P.session .. ':', '(' .. P.session .. ';') > 0 then
  call('HSET', K.sessions, P.session, '-1 0')
else
  call('HDEL', K.sessions, P.session)
end
return conclude({status = 'done'})
