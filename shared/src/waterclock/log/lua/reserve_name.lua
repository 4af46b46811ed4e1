#!lua
-- Reserve, release or take over the name of a job.
--
--! keys: meta names
--
-- P.action  'reserve', 'release' or 'replace'
-- P.name    '<group>\0<name>'
-- P.mine    '<job id> <command id>' of the caller; to release, the job id alone
-- P.theirs  to replace: the reservation as the caller saw it
--
-- Returns {status}: 'done', also when it is so already; 'taken' with the holder, '<job id> <command id>'.

local holder = call('HGET', K.names, P.name)
if P.action == 'release' then
  if holder and string.match(holder, '^%S+') == P.mine then call('HDEL', K.names, P.name) end
  return cmsgpack.pack({status = 'done'})
end
local free = not holder or holder == P.mine
  or (P.action == 'reserve' and string.match(holder, '^%S+') == string.match(P.mine, '^%S+'))
  or (P.action == 'replace' and holder == P.theirs)
if not free then return cmsgpack.pack({status = 'taken', holder = holder}) end
call('HSET', K.names, P.name, P.mine)
return cmsgpack.pack({status = 'done'})
