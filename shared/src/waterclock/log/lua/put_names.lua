#!lua flags=allow-oom
-- Put reservations back that jobs bear, whoever holds the names.
--
--! keys: meta names
--! ungated
--
-- P.names  field, value, ...: '<group>\0<name>', '<job id> <command id>'
--
-- Returns {status}: 'done'.

for from = 1, #P.names, BATCH do
  call('HSET', K.names, unpack(P.names, from, math.min(from + BATCH - 1, #P.names)))
end
return cmsgpack.pack({status = 'done'})
