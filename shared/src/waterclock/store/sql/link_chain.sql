-- Link entries that are archived in the same transaction to the chain of their partition; `at` is ms. The caller holds the
-- position.
INSERT INTO chain (partition, first_epoch, first_seq, epoch, seq, at, leaves, before, head)
SELECT
    %(partition)s::int, %(first_epoch)s::bigint, %(first_seq)s::bigint, %(epoch)s::bigint, %(seq)s::bigint,
    to_timestamp(%(at)s::bigint / 1000.0), %(leaves)s::bytea, before,
    sha256(before || convert_to(%(place)s::text, 'UTF8') || %(leaves)s::bytea)
FROM (
    SELECT coalesce(
        (
            SELECT head
            FROM chain
            WHERE partition = %(partition)s::int
            ORDER BY epoch DESC, seq DESC
            LIMIT 1
        ),
        ''::bytea
    ) AS before
) AS held;
