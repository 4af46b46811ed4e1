#!lua flags=allow-oom
-- Append that notices are muted, or are told again. Whether they are is nowhere here: those who send read it in the read
-- models.
--
--! keys: meta events jobs ended0 ended1 commands0 commands1
--
-- P.command  {id, fingerprint, client}
-- P.job      id of a job that must exist; nil: none need
-- P.body     of NoticesMuted or NoticesUnmuted
--
-- Returns {status}: 'done' with entry; 'absent' where the job does not exist; 'replayed' with the first answer; 'reused'.

local earlier = earlier_answer(P.command)
if earlier then
  if earlier[1] ~= P.command.fingerprint and not earlier[2].burnt then return cmsgpack.pack({status = 'reused'}) end
  return cmsgpack.pack({status = 'replayed', answer = earlier[2]})
end
if P.job and not job_head(P.job) then return cmsgpack.pack({status = 'absent'}) end

local entry = emit(P.body, command_fact(P.command))
remember_command(P.command, {entry = entry})
write_remembered()
return conclude({status = 'done', entry = entry})
