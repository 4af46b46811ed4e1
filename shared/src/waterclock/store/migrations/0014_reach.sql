-- What a start of a worker announced of where its executors may go. Of earlier starts nothing is known: no release announced it.

ALTER TABLE workers ADD COLUMN reach jsonb;
COMMENT ON COLUMN workers.reach IS 'its places, by name with their bounds, and the references that its executors list; null: not announced';
