#!lua
-- Burn a command id: who comes with it later is answered that, and changes nothing.
--
--! keys: meta ended0 ended1 commands0 commands1
--
-- P.command  {id, fingerprint, client}
--
-- Returns {status}: 'burnt', also when it was burnt before; 'done' with the answer it got: it was executed.

local earlier = earlier_answer(P.command)
if earlier and not earlier[2].burnt then return cmsgpack.pack({status = 'done', answer = earlier[2]}) end
if not earlier then remember_command(P.command, {burnt = true}) end
write_remembered()
return conclude({status = 'burnt'})
