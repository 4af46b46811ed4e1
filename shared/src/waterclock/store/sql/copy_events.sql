-- Archive events; the caller moves the position in the same transaction.
COPY events (partition, epoch, seq, prev, at, type, job_id, run_id, document) FROM STDIN (FORMAT BINARY)
