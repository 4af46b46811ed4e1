-- Say that a notifier runs in a place, and learn which place sends: the first that was ever seen, until that is changed.
WITH arrived AS (
    INSERT INTO notice_origins (public_url, address, prefix, speaks)
    SELECT %(public_url)s, %(address)s, %(prefix)s, NOT EXISTS (SELECT FROM notice_origins WHERE speaks)
    WHERE NOT EXISTS (
        SELECT FROM notice_origins
        WHERE public_url = %(public_url)s AND address = %(address)s AND prefix = %(prefix)s
    )
    ON CONFLICT DO NOTHING
    RETURNING public_url, address, prefix, speaks
), seen AS (
    UPDATE notice_origins SET seen_at = clock_timestamp()
    WHERE public_url = %(public_url)s AND address = %(address)s AND prefix = %(prefix)s
      AND seen_at < clock_timestamp() - interval '10 seconds'
)
SELECT public_url, address, prefix FROM arrived WHERE speaks
UNION ALL
SELECT public_url, address, prefix FROM notice_origins WHERE speaks;
