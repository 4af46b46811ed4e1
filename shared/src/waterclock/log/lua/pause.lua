#!lua
-- Pause a queue in this partition, or resume it.
--
--! keys: meta events ended0 ended1 commands0 commands1 wake
--
-- P.command  {id, fingerprint, client}
-- P.queue    its name
-- P.paused   what it is to be
-- P.body     of QueuePaused or QueueResumed
--
-- Returns {status}: 'done' with entry, nil if it was so already; 'replayed' with the first answer; 'reused'.

local earlier = earlier_answer(P.command)
if earlier then
  if earlier[1] ~= P.command.fingerprint and not earlier[2].burnt then return cmsgpack.pack({status = 'reused'}) end
  return cmsgpack.pack({status = 'replayed', answer = earlier[2]})
end
local field = 'paused:' .. P.queue
local is_paused = call('HEXISTS', K.meta, field) == 1
if is_paused == P.paused then return cmsgpack.pack({status = 'done'}) end

local entry = emit(P.body, command_fact(P.command))
if P.paused then
  call('HSET', K.meta, field, entry)
else
  call('HDEL', K.meta, field)
  ring()
end
remember_command(P.command, {entry = entry})
write_remembered()
return conclude({status = 'done', entry = entry})
