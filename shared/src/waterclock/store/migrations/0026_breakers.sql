-- Who disables jobs as the breaker: known before it disables the first, so that its disabling is told as such.

CREATE TABLE notice_breakers (
    actor text PRIMARY KEY
);
COMMENT ON TABLE notice_breakers IS 'Actors whose disabling of a job is the breaker''s';
