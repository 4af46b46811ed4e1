-- Whose this database is, and the prefix of its log's keys; no row: nobody has said.
SELECT identity, prefix FROM installation;
