-- Drop one of them, but for what is needed later; how many events that is.
SELECT drop_archive_month(%(month)s::text::regclass, %(ends)s::timestamptz);
