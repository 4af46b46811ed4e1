-- Say that the log of this database is under another prefix from now on.
UPDATE installation SET prefix = %(prefix)s::text WHERE prefix <> %(prefix)s::text;
