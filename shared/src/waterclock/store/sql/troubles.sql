-- What is open of the jobs that live in a partition.
SELECT document FROM notice_facts WHERE partition = %(partition)s::int AND key LIKE 'trouble %%';
