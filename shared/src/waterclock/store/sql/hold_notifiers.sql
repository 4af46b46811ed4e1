-- Let no notifier judge until this transaction ends. What one has begun meanwhile it begins again: the rows change.
UPDATE notifier_positions SET seq = seq;
