"""Read models rebuilt beside the live ones: compared at one moment, put in place in one transaction, or gone."""

import asyncio
from typing import Any

import psycopg
import pytest

from tests.contract.store.test_project import project, runs
from tests.support.histories import entries_of
from waterclock.model.events import JobDisabled, LogLine, LogsCleared, RunRequested, StepLogged
from waterclock.model.ids import JobId, RunId
from waterclock.model.positions import Position
from waterclock.model.timestamps import Stamp
from waterclock.store import archive
from waterclock.store.connection.migrate import migrations
from waterclock.store.connection.pool import Connection, Pool
from waterclock.store.readmodels import rebuild
from waterclock.store.readmodels.clear_logs import clear_lines
from waterclock.store.readmodels.rebuild import Rebuild, RebuildBusy, compare
from waterclock.store.readmodels.shadow_tables import READ_MODELS
from waterclock.wire.envelope import Entry

J = JobId("j")
SCHEMAS = "SELECT nspname FROM pg_namespace WHERE nspname LIKE 'waterclock%'"
SHAPE = """
SELECT relname, relacl::text, obj_description(pg_class.oid, 'pg_class'),
    (SELECT array_agg(attname || ' ' || format_type(atttypid, atttypmod) || ' ' || attnotnull ORDER BY attnum)
     FROM pg_attribute WHERE attrelid = pg_class.oid AND attnum > 0),
    (SELECT array_agg(pg_get_indexdef(indexrelid) ORDER BY pg_get_indexdef(indexrelid))
     FROM pg_index WHERE indrelid = pg_class.oid),
    (SELECT array_agg(conname || ' ' || pg_get_constraintdef(oid) ORDER BY conname)
     FROM pg_constraint WHERE conrelid = pg_class.oid)
FROM pg_class
WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND relname = ANY (%s)
ORDER BY relname
"""


def quiet(folded: int, total: int) -> None:
    assert folded <= total


async def rows(connection: Connection, query: str, *arguments: object) -> list[tuple[Any, ...]]:
    return await (await connection.execute(query.encode(), arguments or None)).fetchall()


async def rebuilt(connection: Connection, *, swap: bool) -> dict[str, bool]:
    """Which tables were the same."""
    work = await Rebuild.begin(connection)
    try:
        await work.fold(quiet)
        found = {one.table: one.same for one in await work.compare()}
        if swap:
            await work.swap()
    finally:
        await work.drop()
    return found


async def test_what_is_true_to_the_archive_is_found_the_same_and_nothing_is_left(connection: Connection) -> None:
    await project(connection, None, runs(50))

    assert await rebuilt(connection, swap=False) == dict.fromkeys(READ_MODELS, True)
    assert await rows(connection, SCHEMAS) == []


async def test_a_wrong_row_is_named_and_mended_by_the_swap(connection: Connection, pool: Pool) -> None:
    await project(connection, None, runs(3))
    await connection.execute("UPDATE runs SET status = 'failed' WHERE run_id = 'j-1'")
    async with pool.connection() as reader:
        for _ in range(8):  # prepared on the server by now
            await reader.execute("SELECT status FROM runs WHERE run_id = %s", ["j-1"])

        work = await Rebuild.begin(connection)
        await work.fold(quiet)
        found = {one.table: one for one in await work.compare()}
        assert [name for name, one in found.items() if not one.same] == ["runs"]
        assert [row.key for row in found["runs"].rows] == [("j-1",)]
        assert found["runs"].live.rows == found["runs"].rebuilt.rows == 3
        await work.swap()
        await work.drop()

        assert await rows(reader, "SELECT status FROM runs WHERE run_id = %s", "j-1") == [("succeeded",)]
    assert await compare(connection) == []
    assert await rows(connection, SCHEMAS) == []


async def test_a_table_that_was_put_in_place_is_like_the_one_it_replaced(connection: Connection) -> None:
    await connection.execute("CREATE ROLE wc_reader")
    try:
        await connection.execute("GRANT SELECT ON runs TO wc_reader")
        await connection.execute("COMMENT ON TABLE runs IS 'all of them'")
        await project(connection, None, runs(2))
        before = await rows(connection, SHAPE, list(READ_MODELS))

        await rebuilt(connection, swap=True)

        assert await rows(connection, SHAPE, list(READ_MODELS)) == before
        assert len(before) == len(READ_MODELS)
        assert any("wc_reader" in str(row[1]) for row in before)
    finally:
        await connection.execute("DROP OWNED BY wc_reader")
        await connection.execute("DROP ROLE wc_reader")


async def test_what_is_archived_while_it_is_folded_is_there_after_the_swap(connection: Connection, pool: Pool) -> None:
    entries = runs(600)
    await project(connection, None, entries[:900])
    stop = asyncio.Event()
    reached: list[Position] = [entries[899].position]

    async def live() -> None:
        """A projector that goes on, a few events at a time."""
        async with pool.connection() as projecting:
            at = 900
            while at < len(entries):
                batch = entries[at : at + 30]
                assert await project(projecting, reached[-1], batch)
                reached.append(batch[-1].position)
                at += 30
                if at == 1500:
                    stop.set()

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(live())
        found = await rebuilt(connection, swap=True)

    assert found == dict.fromkeys(READ_MODELS, True)
    assert await archive.position(connection, 0) == entries[-1].position
    assert await compare(connection) == []


async def test_projectors_at_work_are_not_waited_for_without_end(
    connection: Connection, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rebuild, "TRIES", 2)
    monkeypatch.setattr(rebuild, "PAUSE", 0.01)
    monkeypatch.setattr(rebuild, "STOP_WAIT", 50)
    entries = runs(3)
    await project(connection, None, entries[:5])
    async with pool.connection() as projecting:
        work = await Rebuild.begin(connection)
        await work.fold(quiet)
        async with projecting.transaction():
            assert await project(projecting, entries[4].position, entries[5:])
            with pytest.raises(RebuildBusy, match="Projectors were writing"):
                await work.swap()
        await work.swap()
        await work.drop()

    assert await compare(connection) == []


async def test_readers_and_views_go_on(connection: Connection, pool: Pool) -> None:
    await project(connection, None, runs(2))
    await connection.execute("CREATE VIEW failures AS SELECT * FROM runs WHERE status = 'failed'")
    await connection.execute("UPDATE runs SET status = 'failed' WHERE run_id = 'j-1'")
    async with pool.connection() as reader, reader.transaction():
        assert await rows(reader, "SELECT run_id FROM failures") == [("j-1",)]

        await rebuilt(connection, swap=True)

        assert await rows(reader, "SELECT run_id FROM failures") == []
    assert await rows(connection, SCHEMAS) == []


async def test_rows_that_are_missing_or_too_many_are_mended(connection: Connection) -> None:
    await project(connection, None, runs(3))
    await connection.execute("DELETE FROM attempts WHERE run_id = 'j-0'")
    await connection.execute("INSERT INTO attempts SELECT 'x', number, fence, worker, started_at FROM attempts LIMIT 1")

    found = await rebuilt(connection, swap=True)

    assert [table for table, same in found.items() if not same] == ["attempts"]
    assert await compare(connection) == []


async def test_two_at_once_are_refused_and_what_one_left_is_dropped(connection: Connection, pool: Pool) -> None:
    await project(connection, None, runs(1))
    async with pool.connection() as other:
        await Rebuild.begin(connection)
        with pytest.raises(RebuildBusy, match="Another rebuild is running"):
            await Rebuild.begin(other)
        await connection.execute("SELECT pg_advisory_unlock_all()")

        assert await rebuilt(other, swap=False) == dict.fromkeys(READ_MODELS, True)
    assert await rows(connection, SCHEMAS) == []


async def test_lines_that_were_cleared_do_not_come_back(connection: Connection) -> None:
    entries = cleared()
    await project(connection, None, entries[:2])
    await project(connection, entries[1].position, entries[2:])
    assert await rows(connection, "SELECT job_id FROM clearings") == [("j",)]
    assert await clear_lines(connection, "j", entries[2].position) == 1
    assert await rows(connection, "SELECT text FROM log_lines") == []

    await rebuilt(connection, swap=True)

    assert await rows(connection, "SELECT text FROM log_lines") == []
    assert await rows(connection, "SELECT job_id FROM clearings") == [("j",)]
    stored = b"".join(bytes(row[0]) for row in await rows(connection, "SELECT document FROM events"))  # type: ignore[arg-type]
    assert b"secret" not in stored


def cleared() -> list[Entry]:
    request = RunRequested(run_id=RunId("j-r"), job_id=J, trigger="manual", invoke_target="demo.noop", queue="default")
    line = LogLine(at=Stamp("2027-01-15T10:00:00.000Z"), level="info", text="secret")
    logged = StepLogged(run_id=RunId("j-r"), job_id=J, attempt=1, fence=1, lines=(line,))
    return entries_of([request, logged, LogsCleared(job_id=J)])


async def test_a_later_migration_finds_what_it_expects(connection: Connection, migrated_postgres_url: str) -> None:
    """The statements of migrations name tables, indexes and constraints; each index is still called what it was."""
    named = "SELECT indexname FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1"
    before = await rows(connection, named)
    await project(connection, None, runs(1))

    await rebuilt(connection, swap=True)

    assert await rows(connection, named) == before
    assert b"CREATE INDEX runs_unfinished" in b"".join(each.text for each in migrations())
    async with await psycopg.AsyncConnection.connect(migrated_postgres_url, autocommit=True) as later:
        await later.execute("DROP INDEX runs_unfinished")
        await later.execute(
            "ALTER TABLE jobs ADD COLUMN later int, DROP CONSTRAINT jobs_pkey, ADD PRIMARY KEY (job_id)"
        )
        entries = entries_of([JobDisabled(job_id=J, version=2)], after=Position(0, 1, 4))
        assert await project(connection, Position(0, 1, 4), entries)
