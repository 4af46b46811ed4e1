-- Read how many bytes of lines are left, and not cleared, of some step.log events, named by run, epoch and seq.
SELECT epoch, seq, sum(octet_length(text))::bigint AS bytes
FROM unnest(%(runs)s::text[], %(epochs)s::bigint[], %(seqs)s::bigint[]) AS wanted (run_id, epoch, seq)
JOIN log_lines USING (run_id, epoch, seq)
WHERE NOT coalesce((epoch, seq) < (
    SELECT clearings.epoch, clearings.seq
    FROM clearings
    WHERE clearings.job_id = log_lines.job_id
    ORDER BY clearings.epoch DESC, clearings.seq DESC
    LIMIT 1
), false)
GROUP BY epoch, seq;
