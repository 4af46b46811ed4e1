-- Archive the lines of step.log events.
COPY log_lines (partition, epoch, seq, line, job_id, run_id, attempt, step, at, level, text) FROM STDIN
