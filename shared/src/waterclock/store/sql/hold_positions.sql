-- Let no projector write until this transaction ends.
SELECT partition FROM partitions ORDER BY partition FOR UPDATE;
