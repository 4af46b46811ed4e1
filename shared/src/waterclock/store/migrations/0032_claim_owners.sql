-- Who has claimed a message: what a notifier had when it ended, or stood still, is free at once.

ALTER TABLE notice_deliveries ADD COLUMN claim_owner int;
ALTER TABLE notice_trips ADD COLUMN claim_owner int;
COMMENT ON COLUMN notice_deliveries.claim_owner IS 'number of the lock by which its notifier is seen to be there; null: only the lease counts';
COMMENT ON COLUMN notice_trips.claim_owner IS 'number of the lock by which its notifier is seen to be there; null: only the lease counts';
