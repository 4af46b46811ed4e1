-- The runs that made up for an instant, found by it.

CREATE INDEX runs_of_backfills ON runs (job_id, nominal_at) WHERE trigger = 'backfill';
