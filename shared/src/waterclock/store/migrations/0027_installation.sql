-- Notices of the installation itself, and the heartbeat. Records, as all that belongs to notices.

CREATE TABLE notice_standing (
    id       int PRIMARY KEY CHECK (id = 1),
    document bytea NOT NULL
);
INSERT INTO notice_standing (id, document) VALUES (1, '{}');
COMMENT ON TABLE notice_standing IS 'One row: what was told of the installation itself, and what of it is not over yet';

CREATE TABLE notice_heartbeat (
    id            int PRIMARY KEY CHECK (id = 1),
    sent_at       timestamptz,
    retry_at      timestamptz,
    claimed_until timestamptz,
    claim         text,
    failures      int NOT NULL DEFAULT 0,
    said          text
);
INSERT INTO notice_heartbeat (id) VALUES (1);
COMMENT ON TABLE notice_heartbeat IS 'One row: when the heartbeat was last taken by its receiver, and who is sending one';

ALTER TABLE notice_channels ADD COLUMN given_up_at timestamptz;
COMMENT ON COLUMN notice_channels.given_up_at IS 'since when a message was given up, and none was delivered after';
