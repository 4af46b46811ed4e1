#!lua flags=allow-oom
-- Pause a queue in this partition, or resume it.
--
--! keys: meta events ended0 ended1 commands0 commands1 wake
--
-- P.command  {id, fingerprint, client}; nil: a leader copies what partition 0 says
-- P.queue    its name
-- P.paused   what it is to be
-- P.seen     entry of the pause that the caller saw here, '' for none: if it is another one, nothing is done; nil: any
-- P.body     of QueuePaused or QueueResumed
--
-- Returns {status}: 'done' with entry, nil if it was so already or was not as seen; 'replayed' with the first answer;
-- 'reused'.

local earlier = P.command and earlier_answer(P.command)
if earlier then
  if earlier[1] ~= P.command.fingerprint and not earlier[2].burnt then return cmsgpack.pack({status = 'reused'}) end
  return cmsgpack.pack({status = 'replayed', answer = earlier[2]})
end
local field = 'paused:' .. P.queue
local since = call('HGET', K.meta, field) or ''
if P.seen and P.seen ~= since then return cmsgpack.pack({status = 'done'}) end

local entry = nil
if (since ~= '') ~= P.paused then
  entry = emit(P.body, P.command and command_fact(P.command))
  if P.paused then
    call('HSET', K.meta, field, entry)
  else
    call('HDEL', K.meta, field)
    ring()
  end
end
if P.command then remember_command(P.command, {entry = entry or since}) end
write_remembered()
return conclude({status = 'done', entry = entry})
