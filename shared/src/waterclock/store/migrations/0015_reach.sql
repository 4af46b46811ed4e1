-- What a start of a worker announced of where its executors may go. Of earlier starts nothing is known: no release announced it.

ALTER TABLE workers ADD COLUMN reach jsonb;
COMMENT ON COLUMN workers.reach IS 'its places, by name with their bounds, and the references that its executors list; null: not announced';

-- Every process of the API reads those that are here, and the last ones that left, each two seconds.
CREATE INDEX workers_here ON workers (started_at DESC, session) WHERE left_at IS NULL;
CREATE INDEX workers_reaching ON workers (started_at DESC, session) WHERE left_at IS NOT NULL AND reach IS NOT NULL;
