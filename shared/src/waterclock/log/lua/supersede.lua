#!lua flags=allow-oom
-- Say that a later epoch was opened on another server: below it nothing is written here any more.
--
--! keys: meta
--! ungated
--
-- P.identity  of the installation, as the caller met it; '' for none
-- P.epoch     as the caller met it
-- P.run_id    of `meta` as the caller met it; nil: not compared
-- P.floor     the later epoch
--
-- Returns {status}: 'done', also when it is so already; 'other': this is not what the caller met, or it is not below.

local theirs = (call('HGET', K.meta, 'identity') or '') ~= P.identity or (P.run_id and P.run_id ~= head[1])
if theirs or epoch ~= P.epoch or epoch >= P.floor then return cmsgpack.pack({status = 'other'}) end
call('HSET', K.meta, 'floor', math.max(P.floor, tonumber(head[6] or 0)), 'run_id', '')
return cmsgpack.pack({status = 'done'})
