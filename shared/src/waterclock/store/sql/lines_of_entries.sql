-- Read the lines that are left, and not cleared, of some step.log events, named by run, epoch and seq; times in ms.
SELECT epoch, seq, (extract(epoch FROM at) * 1000)::bigint AS at, level, text
FROM unnest(%(runs)s::text[], %(epochs)s::bigint[], %(seqs)s::bigint[]) AS wanted (run_id, epoch, seq)
JOIN log_lines USING (run_id, epoch, seq)
WHERE NOT coalesce((epoch, seq) < (
    SELECT clearings.epoch, clearings.seq
    FROM clearings
    WHERE clearings.job_id = log_lines.job_id
    ORDER BY clearings.epoch DESC, clearings.seq DESC
    LIMIT 1
), false)
ORDER BY epoch, seq, line;
