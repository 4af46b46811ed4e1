-- Begin to judge a partition at a place, if nobody has.
INSERT INTO notifier_positions (partition, epoch, seq)
VALUES (%(partition)s::int, %(epoch)s::bigint, %(seq)s::bigint)
ON CONFLICT DO NOTHING;
