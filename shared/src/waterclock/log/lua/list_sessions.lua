#!lua flags=allow-oom
-- Tell how some sessions stand.
--
--! keys: meta sessions held
--
-- P.sessions  their names, at most a thousand
--
-- Returns {now, sessions}: this clock, ms, and for each session {renewal, heard, running}: the number of its renewal, -1 once
-- it is dead; when it renewed, or claimed something, last, ms; how many runs it holds. False where it has no seat.

local sessions = {}
for place, seat in ipairs(read_fields(K.sessions, P.sessions)) do
  local session = P.sessions[place]
  local renewal, heard = string.match(seat or '', '^(%-?%d+) %d+ ?(%d*)$')
  sessions[place] = renewal and {tonumber(renewal), tonumber(heard) or 0,
    call('ZLEXCOUNT', K.held, '[' .. session .. ':', '(' .. session .. ';')} or false
end
return cmsgpack.pack({now = now, sessions = sessions})
