#!lua flags=allow-oom
-- Put what lies aside back into its queues: where the sessions that would find it are gone or claim nothing, and others do
-- not look there.
--
--! keys: meta runs specs active delayed aside sessions announced held ended0 ended1 wake queues
--
-- P.limit   runs at most
-- P.beside  true: only beside a live session that does not say what it can run, by a look that claims go by, too; nil:
--           whoever is there
--
-- Returns {returned, more}: how many; whether to call again.

if P.beside and all_announce(call('HGET', K.meta, 'announcing')) then
  return finish({returned = 0, more = false})
end
local returned, more = return_aside(P.limit)
return finish({returned = returned, more = more})
