#!lua
-- Change nothing. A server that takes no writes now, or nothing new, refuses it all the same.
--
--! keys: meta
--! ungated
--
-- Returns {status}: 'done'.

return cmsgpack.pack({status = head[2] and 'done'})
