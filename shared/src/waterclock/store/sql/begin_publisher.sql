-- Begin to publish a partition at a place, if nobody has.
INSERT INTO publisher_positions (partition, epoch, seq)
VALUES (%(partition)s::int, %(epoch)s::bigint, %(seq)s::bigint)
ON CONFLICT DO NOTHING;
