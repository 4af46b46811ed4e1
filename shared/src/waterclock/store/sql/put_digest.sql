-- Put a message into the outbox that stands for many.
INSERT INTO notice_deliveries (channel, message, subject, digest, state)
VALUES (%(channel)s::text, %(message)s::text, '*', %(digest)s::bytea, 'waiting')
ON CONFLICT DO NOTHING;
