#!lua flags=allow-oom
-- Put what lies aside back into its queues: where the sessions that would find it are gone, and others do not look there.
--
--! keys: meta runs specs active delayed aside held ended0 ended1 wake queues
--
-- P.limit  runs at most
--
-- Returns {returned, more}: how many; whether to call again.

local returned, more = return_aside(P.limit)
return finish({returned = returned, more = more})
