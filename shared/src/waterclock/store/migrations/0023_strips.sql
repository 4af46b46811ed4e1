-- How the runs of a job's instants ended, read from the index alone: strips tell of tens of thousands at once. Of runs that
-- have ended, so that a run is put into it once and not with each of its changes; the others `runs_unfinished` has.

CREATE INDEX runs_of_instants ON runs (job_id, nominal_at) INCLUDE (status)
WHERE trigger IN ('schedule', 'catchup') AND finished_at IS NOT NULL;
