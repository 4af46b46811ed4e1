#!lua flags=allow-oom
-- Say that an earlier epoch ended before entries of it that somebody knows: they are lost.
--
--! keys: meta events
--
-- P.partition  number of this partition
-- P.epoch      the earlier epoch
-- P.seq        number of the last entry of it that the caller knows
-- P.body       of LogTruncated, without endedAt
--
-- Returns {status}: 'done' with entry; 'older': a projector may be at work that does not know this event; 'present': the
-- epoch is not an earlier one; 'held': it does not end before, as far as the stream can tell; 'named': a repair has
-- dropped that entry, and kept it; 'told': so much was told before, or often enough.

local LEVEL, TOLD_MOST = 1, 3

if tonumber(call('HGET', K.meta, 'level') or 0) < LEVEL then return cmsgpack.pack({status = 'older'}) end
if P.epoch >= epoch then return cmsgpack.pack({status = 'present'}) end

local known = text(P.epoch) .. '-' .. text(P.seq)
local following = call('XRANGE', K.events, id_after(known), '+', 'COUNT', 1)[1]
local fields = {}
for place = 1, following and #following[2] or 0, 2 do fields[following[2][place]] = following[2][place + 1] end
if not fields.p or (fields.p ~= '' and not is_before(fields.p, known)) then return cmsgpack.pack({status = 'held'}) end

-- Whether a repair has kept the entry among what it dropped, as the event says with which it opened the partition.
local function is_kept(body)
  local read, event = pcall(cjson.decode, body)
  if not read or type(event) ~= 'table' or event.type ~= 'log.forked' then return false end
  local first = string.match(tostring(event.droppedFirst), '^%d+%-(%d+%-%d+)$')
  local last = string.match(tostring(event.droppedLast), '^%d+%-(%d+%-%d+)$')
  return first and last and not is_before(known, first) and not is_before(last, known)
end
if is_kept(fields.b) then return cmsgpack.pack({status = 'named'}) end

local field = 'told:' .. text(P.epoch)
local times, through = string.match(call('HGET', K.meta, field) or '0 0', '^(%d+) (%d+)$')
if tonumber(times) >= TOLD_MOST or tonumber(through) >= P.seq then return cmsgpack.pack({status = 'told'}) end

local ended = fields.p ~= '' and '"endedAt":"' .. text(P.partition) .. '-' .. fields.p .. '"' or nil
local entry = emit(P.body, ended)
call('HSET', K.meta, field, text(times + 1) .. ' ' .. text(P.seq))
return conclude({status = 'done', entry = entry})
