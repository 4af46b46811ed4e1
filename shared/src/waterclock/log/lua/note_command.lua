#!lua
-- Note when a client's command first came, for one that is executed in many calls: each time it sees what was so then.
--
--! keys: meta ended0 ended1 commands0 commands1
--
-- P.command  {id, fingerprint, client}
--
-- Returns {status}: 'done', also when it is repeated, with at as it was first; 'reused': the command id was used for
-- something else.

local earlier = earlier_answer(P.command)
if earlier then
  if earlier[1] ~= P.command.fingerprint or not earlier[2].at then return cmsgpack.pack({status = 'reused'}) end
  return cmsgpack.pack({status = 'done', at = earlier[2].at, again = true})
end
remember_command(P.command, {at = now})
write_remembered()
return cmsgpack.pack({status = 'done', at = now, again = false})
