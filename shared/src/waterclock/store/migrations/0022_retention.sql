-- For how long ended runs are kept where nobody says: a fact of the store. A store that holds something already, or is an
-- installation's, keeps everything, as it was promised; a new one keeps ended runs for 90 days.

CREATE TABLE retention (
    what  text PRIMARY KEY,
    age   text NOT NULL CHECK (age ~ '^[0-9]{1,5}[dh]$')
);
COMMENT ON TABLE retention IS 'For how long runs are kept, written as WATERCLOCK_KEEP_RUNS is, where that is not set; no row: for ever';

INSERT INTO retention (what, age)
SELECT 'runs', '90d'
WHERE NOT EXISTS (SELECT FROM installation)
  AND NOT EXISTS (SELECT FROM events)
  AND NOT EXISTS (SELECT FROM jobs)
  AND NOT EXISTS (SELECT FROM runs);

CREATE TABLE kept_successes (
    job_id        text PRIMARY KEY,
    last_success  timestamptz NOT NULL
);
COMMENT ON TABLE kept_successes IS 'Of jobs whose runs were forgotten: the latest instant, or request without one, of those that succeeded, which the next attempts are told';
