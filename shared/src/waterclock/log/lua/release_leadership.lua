#!lua flags=allow-oom
-- Give up the leadership of a partition, so that another need not wait for its end.
--
--! keys: meta
--
-- P.scheduler  who resigns
-- P.term       its term
--
-- Returns {status}: 'done', also when another leads.

local leader, term = unpack(call('HMGET', K.meta, 'leader', 'term'))
if leader == P.scheduler and tonumber(term) == P.term then call('HSET', K.meta, 'leader_until', 0) end
return cmsgpack.pack({status = 'done'})
