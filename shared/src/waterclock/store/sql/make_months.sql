-- Make the archive's tables for this month and the two that follow; a month that is there already is left alone.
SELECT make_archive_month(now() + ahead * interval '1 month') FROM generate_series(0, 2) AS ahead;
