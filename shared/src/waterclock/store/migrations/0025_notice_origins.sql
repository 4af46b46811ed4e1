-- Whom a database tells notices for: a copy of it in another place sends nothing.

CREATE TABLE notice_origins (
    public_url text NOT NULL,
    address    text NOT NULL,
    prefix     text NOT NULL,
    speaks     boolean NOT NULL,
    seen_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (public_url, address, prefix)
);
CREATE UNIQUE INDEX notice_origins_one_speaks ON notice_origins (speaks) WHERE speaks;
COMMENT ON TABLE notice_origins IS 'Places in which notifiers have run with this database; one of them sends';
COMMENT ON COLUMN notice_origins.public_url IS 'of the installation, as it is set there; empty: none';
COMMENT ON COLUMN notice_origins.address IS 'of the event log, as it is set there, without credentials';
COMMENT ON COLUMN notice_origins.seen_at IS 'when a notifier was last seen to run there, within 10 seconds';
