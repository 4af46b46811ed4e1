-- How many partitions the log has had.

CREATE TABLE partitionings (
    epoch       bigint PRIMARY KEY,
    partitions  int NOT NULL,
    made_at     timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE partitionings IS 'How many partitions the log has from an epoch on: every event of an earlier epoch is in the partition that its job had before. Empty: there has always been the same number';
