#!lua flags=allow-oom
-- End runs that the archive has as unfinished, where this partition has them no more and no entry will tell the archive.
--
--! keys: meta events runs active ended0 ended1
--
-- P.through  entry id up to which the stream is archived
-- P.runs     each {run_id, body, status, fence}: body of the event that ends it; nil: it is only looked for; status and
--            fence are those of a run that is remembered; nil: it is not
--
-- Returns {lost, ended}: `lost`, runs that are neither here nor remembered; `ended`, each {run, status, fence}: those that
-- are remembered to have ended, at or before P.through. Those with a body have ended by it.

local lost, over, runs = {}, {}, {}
for place, one in ipairs(P.runs) do runs[place] = one.run_id end
recall(runs)
recall_ends(runs)

local function end_by(one)
  if not one.body then return end
  local run = one.run_id
  ends[run] = {one.status or 'died', one.fence or 0, emit(one.body)}
  remembered[#remembered + 1] = run
  remembered[#remembered + 1] = cmsgpack.pack(ends[run])
  leaving[#leaving + 1] = run
end

for _, one in ipairs(P.runs) do
  local run = one.run_id
  local known = not records[run] and end_of(run)
  if known and known[3] and not is_before(P.through, known[3]) then
    over[#over + 1] = {run, known[1], known[2]}
    end_by(one)
  elseif not known and not records[run] then
    lost[#lost + 1] = run
    end_by(one)
  end
end
settle_active()
if #remembered > 0 then
  in_pieces('HSET', newer_side('ended', {K.ended0, K.ended1}, REMEMBERED_MS, REMEMBERED_MOST), remembered)
end
return conclude({lost = lost, ended = over})
