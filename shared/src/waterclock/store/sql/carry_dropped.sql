-- Have what was kept of some repairs count with the opening in a later epoch. None of it is kept there already.
WITH moved AS (
    DELETE FROM dropped
    WHERE partition = %(partition)s::int AND fork = ANY (%(forks)s::bigint[]) AND fork < %(fork)s::bigint
    RETURNING partition, epoch, seq, prev, at, type, job_id, run_id, document
)
INSERT INTO dropped (partition, fork, epoch, seq, prev, at, type, job_id, run_id, document)
SELECT partition, %(fork)s::bigint, epoch, seq, prev, at, type, job_id, run_id, document
FROM moved;
