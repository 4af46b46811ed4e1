#!lua flags=allow-oom
-- Put reservations back that jobs bear, whoever holds the names.
--
--! keys: meta names
--! ungated
--
-- P.names   field, value, ...: '<group>\0<name>', '<job id> <command id>'
-- P.shared  the same, of what names have in common with others: only where nobody has it
--
-- Returns {status}: 'done'.

for from = 1, #P.names, BATCH do
  call('HSET', K.names, unpack(P.names, from, math.min(from + BATCH - 1, #P.names)))
end
for at = 1, #(P.shared or {}), 2 do
  call('HSETNX', K.names, P.shared[at], P.shared[at + 1])
end
return cmsgpack.pack({status = 'done'})
