#!lua flags=allow-oom
-- Append step events of running attempts.
--
--! keys: meta events runs active
--
-- P.batches  each {run_id, fence, number, bodies}: `number` grows from 1 in each attempt
--
-- Returns {results}, one for each: 'done', also when it was appended before; 'refused': the attempt was taken away.

local results, runs = {}, {}
for place, batch in ipairs(P.batches) do runs[place] = batch.run_id end
recall(runs)
for place, batch in ipairs(P.batches) do
  local record = records[batch.run_id]
  if not record or record[STATE] ~= 'running' or record[FENCE] ~= batch.fence then
    results[place] = 'refused'
  else
    if batch.number > record[STEP] then
      for _, body in ipairs(batch.bodies) do emit(body) end
      record[STEP] = batch.number
      dirty[batch.run_id] = true
    end
    results[place] = 'done'
  end
end
write_changed()
return conclude({results = results})
