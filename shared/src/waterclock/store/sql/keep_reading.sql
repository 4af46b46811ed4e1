-- Keep a reading by which something was judged; its clock in ms.
INSERT INTO notice_readings (partition, epoch, seq, clock_at, document)
VALUES (
    %(partition)s::int, %(epoch)s::bigint, %(seq)s::bigint, to_timestamp(%(clock)s::bigint / 1000.0), %(document)s::bytea
)
ON CONFLICT DO NOTHING;
