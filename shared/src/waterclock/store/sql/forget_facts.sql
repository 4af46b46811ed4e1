-- Forget facts.
DELETE FROM notice_facts WHERE key = ANY (%(keys)s::text[]);
