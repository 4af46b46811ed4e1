#!lua flags=allow-oom
-- Open the names on the server process that the caller reached.
--
--! keys: meta
--! ungated
--
-- P.epoch   of the opening
-- P.server  run_id of the process that the caller saw
--
-- Returns {status}: 'done'; 'elsewhere': the connection reached another process; 'stale': opened later already, here or
-- elsewhere.

if P.server ~= ARGV[1] then return cmsgpack.pack({status = 'elsewhere'}) end
if P.epoch < epoch or P.epoch <= tonumber(head[6] or 0) then return cmsgpack.pack({status = 'stale'}) end
call('HSET', K.meta, 'epoch', P.epoch, 'run_id', ARGV[1])
call('HDEL', K.meta, 'floor')
return cmsgpack.pack({status = 'done'})
