-- How far the events of each partition are published for other services.

CREATE TABLE publisher_positions (
    partition int PRIMARY KEY,
    epoch     bigint NOT NULL,
    seq       bigint NOT NULL
);
COMMENT ON TABLE publisher_positions IS 'How far the events of each partition are published for other services';
