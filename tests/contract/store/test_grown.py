"""What a store that has grown has to bear: the same, with a few runs and, as a soak, with a million."""

from datetime import timedelta

import pytest

from tests.contract.store.test_project import project, runs
from waterclock.store import retention
from waterclock.store.connection.pool import Connection
from waterclock.store.readmodels.rebuild import Rebuild, compare
from waterclock.store.retention import Keep

MORE = """
INSERT INTO events (partition, epoch, seq, prev, at, type, job_id, run_id, document)
SELECT
    partition, epoch, seq + 3 * n, prev, at + n * interval '1 second', type, job_id, 'j-' || n,
    convert_to(replace(convert_from(document, 'UTF8'), 'j-0', 'j-' || n), 'UTF8')
FROM events
CROSS JOIN generate_series(1, %(count)s::int) AS n
WHERE seq BETWEEN 2 AND 4
"""
"""Events of further runs, as those of the first, which are in the archive and not in the read models."""

LONG = (pytest.mark.soak, pytest.mark.timeout(3600))  # three million events are folded, at some 10 000 a second
SIZES = pytest.mark.parametrize("count", [200, pytest.param(1_000_000, marks=LONG)])


async def grow(connection: Connection, count: int) -> None:
    await project(connection, None, runs(1))
    await connection.execute(MORE, {"count": count})
    await connection.execute("UPDATE partitions SET seq = 4 + 3 * %s", [count])
    await connection.execute("VACUUM ANALYZE events")


async def swapped(connection: Connection) -> list[str]:
    """The tables that differed; projection did not stand still for long without a word."""
    told: list[float] = []
    work = await Rebuild.begin(connection)
    try:
        await work.fold(lambda _, __: None)
        found = [one.table for one in await work.compare() if not one.same]
        stood = await work.swap(told.append)
        assert len(told) >= stood // 5 - 1
    finally:
        await work.drop()
    return found


@SIZES
async def test_a_swap_ends_however_many_rows_there_are(connection: Connection, count: int) -> None:
    await grow(connection, count)

    assert {"runs", "attempts"} <= set(await swapped(connection))
    row = await (await connection.execute("SELECT count(*) FROM runs")).fetchone()
    assert row == (count + 1,)

    await connection.execute("UPDATE runs SET reason = 'forged' WHERE run_id IN ('j-7', 'j-8')")
    await connection.execute("DELETE FROM attempts WHERE run_id = 'j-9'")
    assert await swapped(connection) == ["runs", "attempts"]
    if count < 1_000:
        assert await compare(connection) == []


@SIZES
async def test_retention_ends_however_many_runs_are_old(connection: Connection, count: int) -> None:
    await grow(connection, count)
    await swapped(connection)
    row = await (await connection.execute("SELECT max(finished_at) FROM runs")).fetchone()
    assert row is not None
    after_all = round(row[0].timestamp() * 1000) + 10 * 86_400_000

    assert await retention.take(connection)
    await retention.forget(connection, Keep(runs={"succeeded": timedelta(days=2)}), after_all)

    row = await (await connection.execute("SELECT count(*), (SELECT count(*) FROM attempts) FROM runs")).fetchone()
    assert row == (0, 0)
