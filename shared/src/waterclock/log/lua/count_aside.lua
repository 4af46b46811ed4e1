#!lua flags=allow-oom
-- Tell what lies aside: of which queue and executor, how many runs, since when.
--
--! keys: meta aside
--
-- P.after  queue and executor to go on after, as the last reply named them; '' at first
-- P.limit  groups at most
--
-- Returns {now, groups, next}: this clock, ms; each group {queue, executor as a request encodes it, runs, ms when the first
-- began to wait}; where to go on, nil at the end.

local groups, from = {}, P.after == '' and '-' or '[' .. P.after .. '\2'
while #groups < P.limit do
  local member = call('ZRANGEBYLEX', K.aside, from, '+', 'LIMIT', 0, 1)[1]
  if not member then return cmsgpack.pack({now = now, groups = groups}) end
  local queue, executor = string.match(member, '^([^\1]*)\1([^\1]*)\1')
  local prefix, since = group_prefix(queue, executor), nil
  for _, class in pairs(CLASSES) do
    local first = call('ZRANGEBYLEX', K.aside, '[' .. prefix .. class, '(' .. prefix .. class .. ':', 'LIMIT', 0, 1)[1]
    if first then since = math.min(since or aside_since(first), aside_since(first)) end
  end
  from = '[' .. queue .. '\1' .. executor .. '\2'
  groups[#groups + 1] = {queue, executor, call('ZLEXCOUNT', K.aside, '[' .. prefix, '(' .. string.sub(from, 2)), since}
end
return cmsgpack.pack({now = now, groups = groups, next = string.sub(from, 2, -2)})
