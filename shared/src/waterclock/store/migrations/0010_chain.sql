-- The chain over the archive: each block covers the entries that one transaction archived, and the block before it.

CREATE TABLE chain (
    partition    int NOT NULL,
    first_epoch  bigint NOT NULL,
    first_seq    bigint NOT NULL,
    epoch        bigint NOT NULL,
    seq          bigint NOT NULL,
    at           timestamptz NOT NULL,
    leaves       bytea NOT NULL,
    before       bytea NOT NULL,
    head         bytea NOT NULL,
    PRIMARY KEY (partition, epoch, seq)
);
ALTER TABLE chain ALTER COLUMN leaves SET STORAGE EXTERNAL;
COMMENT ON TABLE chain IS 'Blocks of archived entries, by first and last entry, time of the last: 16 bytes of the SHA-256 of each entry; the head of the block before; the head, SHA-256 of that head, the place and the leaves';
