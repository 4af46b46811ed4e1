-- Clearings of a partition whose stream entries are still to be deleted.
SELECT job_id, epoch, seq FROM clearings WHERE partition = %(partition)s::int;
