#!lua flags=allow-oom
-- End runs that the archive has as unfinished, where this partition neither has them nor remembers how they ended.
--
--! keys: meta events runs active ended0 ended1
--
-- P.runs  each {run_id, body}: body of RunDied; nil: it is only told whether it would be ended
--
-- Returns {lost}: the runs that are so, in their order; those with a body have ended by it.

local lost, runs = {}, {}
for place, one in ipairs(P.runs) do runs[place] = one.run_id end
recall(runs)
recall_ends(runs)
for _, one in ipairs(P.runs) do
  local run = one.run_id
  if not records[run] and not end_of(run) then
    lost[#lost + 1] = run
    if one.body then
      ends[run] = {'died', 0, emit(one.body)}
      remembered[#remembered + 1] = run
      remembered[#remembered + 1] = cmsgpack.pack(ends[run])
      leaving[#leaving + 1] = run
    end
  end
end
settle_active()
if #remembered > 0 then
  in_pieces('HSET', newer_side('ended', {K.ended0, K.ended1}, REMEMBERED_MS, REMEMBERED_MOST), remembered)
end
return conclude({lost = lost})
