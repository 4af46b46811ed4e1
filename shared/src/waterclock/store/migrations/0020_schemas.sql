-- Stored jobs beside the schemas that workers announce: which schema of an executor they were checked by, and which do not fit.

CREATE TABLE schema_checks (
    executor   text PRIMARY KEY,
    digest     text NOT NULL,
    reached    text NOT NULL DEFAULT '',
    looked     bigint NOT NULL DEFAULT 0,
    unfit      bigint NOT NULL DEFAULT 0,
    untold     bigint NOT NULL DEFAULT 0,
    before     bigint NOT NULL DEFAULT 0,
    begun_at   timestamptz NOT NULL DEFAULT now(),
    ended_at   timestamptz
);
COMMENT ON TABLE schema_checks IS 'By which schema of an executor (its digest) the stored jobs are checked: through which job, how many, how many of them do not fit, or cannot be told, and how many did not fit the schema before; ended_at null: it goes on';

CREATE TABLE unfit_jobs (
    job_id         text PRIMARY KEY,
    executor       text NOT NULL,
    target         text NOT NULL,
    version        bigint NOT NULL,
    params_digest  text NOT NULL,
    flaws          jsonb NOT NULL
);
CREATE INDEX unfit_jobs_of_executors ON unfit_jobs (executor, job_id);
COMMENT ON TABLE unfit_jobs IS 'Jobs whose parameters do not fit, and why. It holds for as long as the job names the same executor and has the same parameters';

-- What tells parameters of a job from others.
CREATE FUNCTION params_digest_of(definition jsonb) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT encode(sha256(convert_to(coalesce(definition -> 'invokeParams', '{}')::text, 'UTF8')), 'hex')
$$;
