#!lua flags=allow-oom
-- Open a partition on the server process that the caller reached, after its end was compared with the archive.
--
--! keys: meta events wake
--! ungated
--
-- P.epoch   to open it in, greater than every earlier one
-- P.server  run_id of the process, as the caller wrote it into the body
-- P.tail    id of the stream's last entry as the caller saw it, '' for none; nil: not checked
-- P.body    of EpochBegan
--
-- Returns {status}: 'done' or 'already' with the partition's last entry; 'elsewhere': the connection reached another
-- process; 'stale' with the latest epoch that is known here; 'moved' with the stream's last entry id.

if P.server ~= ARGV[1] then return cmsgpack.pack({status = 'elsewhere'}) end
if head[1] == ARGV[1] and epoch == P.epoch then return cmsgpack.pack({status = 'already', entry = last}) end
local latest = math.max(epoch, tonumber(head[6] or 0))
if P.epoch <= latest then return cmsgpack.pack({status = 'stale', epoch = latest}) end

local tail = stream_end()
if P.tail and P.tail ~= tail then return cmsgpack.pack({status = 'moved', entry = tail}) end

last = tail -- the stream's word: `meta` may have been lost with what came after
epoch, seq, head[2] = P.epoch, 0, text(P.epoch)
local entry = emit(P.body)
call('HSET', K.meta, 'epoch', epoch, 'run_id', ARGV[1], 'fence', 0)
call('HDEL', K.meta, 'floor')
ring()
return conclude({status = 'done', entry = entry})
