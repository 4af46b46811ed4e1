-- Mutes that are over, and of which all that lasts was told.

CREATE TABLE notice_mutes_over (
    mute_id  text PRIMARY KEY,
    noted_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE notice_mutes_over IS 'Mutes that are over; what they had kept back and what lasted went out then';
CREATE INDEX notice_deliveries_by_mute ON notice_deliveries (said) WHERE state = 'muted';
