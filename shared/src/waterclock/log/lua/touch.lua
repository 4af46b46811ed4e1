#!lua flags=allow-oom
-- Write what stands there already: WAIT covers what its own connection wrote, and a call that is answered again wrote
-- nothing. What others had written before this is covered with it.
--
--! keys: meta
--
-- Returns {status}: 'done'.

call('HSET', K.meta, 'seq', head[3])
return cmsgpack.pack({status = 'done'})
