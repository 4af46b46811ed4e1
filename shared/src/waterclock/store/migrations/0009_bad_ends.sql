-- Runs that ended badly, few among many, found without reading those that did not.

CREATE INDEX runs_ended_badly ON runs (requested_at DESC, run_id DESC)
WHERE status IN ('failed', 'timedOut', 'cancelled', 'died');
