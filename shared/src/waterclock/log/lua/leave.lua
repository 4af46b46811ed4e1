#!lua flags=allow-oom
-- Close a session. One that still holds runs is marked dead: a sweeper empties it.
--
--! keys: meta events runs specs active delayed aside sessions announced held ended0 ended1 wake queues
--
-- P.session  the session
-- P.body     of WorkerLeft; nil: not told in this partition
--
-- Returns {status}: 'done'; 'more': call again. Nothing is closed yet: what lies aside is returned first, where no other
-- session would find it.

local seat = call('HGET', K.sessions, P.session)
if not is_alive(seat) then return cmsgpack.pack({status = 'done'}) end
if alone_announces(P.session) then
  local _, left = return_aside(ASIDE_MOST)
  if left then return finish({status = 'more'}) end
end
if P.body then emit(P.body) end
look_again()
if call('ZLEXCOUNT', K.held, '[' .. P.session .. ':', '(' .. P.session .. ';') > 0 then
  call('HSET', K.sessions, P.session, '-1 0')
else
  forget_session(P.session)
end
return finish({status = 'done'})
