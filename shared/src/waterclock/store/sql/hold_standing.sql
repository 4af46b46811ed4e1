-- What was told of the installation, nothing at first; nobody else tells more of it until the transaction ends.
INSERT INTO notice_standing AS kept (id, document) VALUES (1, '{}')
ON CONFLICT (id) DO UPDATE SET document = kept.document
RETURNING document;
