-- Note a migration as applied, in its own transaction.
INSERT INTO migrations (name, checksum) VALUES (%(name)s::text, %(checksum)s::text);
