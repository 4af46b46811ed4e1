#!lua flags=allow-oom
-- Open a session: one start of one worker process.
--
--! keys: meta events sessions announced
--
-- P.session    never used before
-- P.body       of WorkerJoined; nil: not announced in this partition
-- P.executors  names of those that it can run, as requests encode them, between bytes '\1'; nil: it does not say
--
-- Returns {status}: 'done', also when it is open already; 'nosession': it was found dead.

local seat = call('HGET', K.sessions, P.session)
if seat then return cmsgpack.pack({status = string.sub(seat, 1, 1) == '-' and 'nosession' or 'done'}) end
if P.body then emit(P.body) end
call('HSET', K.sessions, P.session, '0 0 ' .. text(now))
if P.executors then call('ZADD', K.announced, 0, P.session .. P.executors) end
look_again()
return conclude({status = 'done'})
