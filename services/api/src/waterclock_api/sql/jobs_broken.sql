-- Read which jobs have a promise that is broken now, and since when, ms. `rule`: the one by whose breaks that is known.
SELECT notice_facts.job_id, min((open.one ->> 'since')::bigint)
FROM notice_facts
CROSS JOIN LATERAL jsonb_array_elements(convert_from(notice_facts.document, 'UTF8')::jsonb -> 'breaks') AS open (one)
WHERE starts_with(notice_facts.key, 'trouble ') AND open.one ->> 'rule' = %(rule)s::text
GROUP BY notice_facts.job_id;
