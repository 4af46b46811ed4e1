-- Say whose this database is, unless that is said.
INSERT INTO installation (identity, prefix)
VALUES (%(identity)s::text, %(prefix)s::text)
ON CONFLICT (one) DO NOTHING;
