-- All that the judge knows of jobs and runs that live in a partition.
SELECT document FROM notice_facts WHERE partition = %(partition)s::int;
