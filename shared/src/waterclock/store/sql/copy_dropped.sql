-- Keep entries that a repair is about to drop.
COPY dropped (partition, fork, epoch, seq, prev, at, type, job_id, run_id, document) FROM STDIN (FORMAT BINARY)
