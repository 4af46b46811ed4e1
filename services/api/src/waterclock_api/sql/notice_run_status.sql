-- Where a run stands that a notice is about.
SELECT status FROM runs WHERE run_id = %(run)s::text;
