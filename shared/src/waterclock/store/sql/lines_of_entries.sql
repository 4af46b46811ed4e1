-- Read the lines that are left of some step.log events, named by run, epoch and seq; times in ms.
SELECT epoch, seq, (extract(epoch FROM at) * 1000)::bigint AS at, level, text
FROM unnest(%(runs)s::text[], %(epochs)s::bigint[], %(seqs)s::bigint[]) AS wanted (run_id, epoch, seq)
JOIN log_lines USING (run_id, epoch, seq)
ORDER BY epoch, seq, line;
