-- Read how many bytes of lines are left of some step.log events, named by run, epoch and seq.
SELECT epoch, seq, sum(octet_length(text))::bigint AS bytes
FROM unnest(%(runs)s::text[], %(epochs)s::bigint[], %(seqs)s::bigint[]) AS wanted (run_id, epoch, seq)
JOIN log_lines USING (run_id, epoch, seq)
GROUP BY epoch, seq;
