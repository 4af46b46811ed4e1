"""Each event counts once: archive, read models and position move together, however often and by whomever tried."""

import asyncio

import hypothesis
import psycopg
import pytest
from hypothesis import strategies as st
from psycopg.types.json import Jsonb

from tests.support.histories import entries_of, histories, splits
from waterclock.model.definition import Definition
from waterclock.model.events import (
    JobCreated,
    JobDisabled,
    RunRequested,
    RunStarted,
    RunSucceeded,
    StepStarted,
    StoredEvent,
)
from waterclock.model.ids import JobId, RunId
from waterclock.model.positions import Position
from waterclock.store import archive
from waterclock.store.connection.pool import Connection, Pool, connect_anew
from waterclock.store.connection.statements import statement
from waterclock.store.readmodels.project import apply, batch_of
from waterclock.store.readmodels.rebuild import compare
from waterclock.store.readmodels.shadow_tables import READ_MODELS
from waterclock.wire.envelope import Entry

DEADLINE = 20.0  # s
J = JobId("j")


def runs(count: int) -> list[Entry]:
    events: list[StoredEvent] = [
        JobCreated(job_id=J, version=1, definition=Definition(job_name="n", invoke_target="demo.noop"))
    ]
    for number in range(count):
        run = RunId(f"j-{number}")
        events += [
            RunRequested(run_id=run, job_id=J, trigger="manual", invoke_target="demo.noop", queue="default"),
            RunStarted(run_id=run, job_id=J, worker="w", session="s", attempt=1, fence=number + 1),
            RunSucceeded(run_id=run, job_id=J, attempt=1, fence=number + 1, result=number),
        ]
    return entries_of(events)


async def project(connection: Connection, after: Position | None, entries: list[Entry]) -> bool:
    return await apply(connection, after, entries, batch_of(entries))


async def counts(connection: Connection) -> tuple[int, ...]:
    cursor = await connection.execute(
        "SELECT (SELECT count(*) FROM events), (SELECT count(*) FROM runs), (SELECT count(*) FROM attempts)"
    )
    row = await cursor.fetchone()
    assert row is not None
    return row


async def test_what_was_projected_is_not_projected_again(connection: Connection) -> None:
    entries = runs(3)
    assert await project(connection, None, entries[:4])

    assert not await project(connection, None, entries[:4])
    assert not await project(connection, None, entries)
    assert await project(connection, entries[3].position, entries[4:])

    assert await counts(connection) == (10, 3, 3)
    assert await compare(connection) == []


def test_any_history_in_any_batches_gives_the_same_read_models(migrated_postgres_url: str) -> None:
    """The live ones, in batches as drawn, against those that a rebuild folds event by event."""

    async def once(entries: list[Entry], batches: list[list[Entry]]) -> None:
        async with await psycopg.AsyncConnection.connect(migrated_postgres_url, autocommit=True) as connection:
            await connection.execute(
                "TRUNCATE events, partitions, log_lines, clearings, jobs, runs, attempts, steps, decisions, workers,"
                " executors, mutes, chain"
            )
            await connection.execute(statement("add_partition"), {"partition": 0})
            at: Position | None = None
            for batch in batches:
                assert await project(connection, at, batch)
                assert not await project(connection, at, batch)
                at = batch[-1].position
            assert await compare(connection, at_once=1) == []
            assert [found.position for found in await archive.entries(connection, 0, None, None, 10_000)] == [
                entry.position for entry in entries
            ]

    @hypothesis.settings(max_examples=20, deadline=None)
    @hypothesis.given(st.data())
    def every(data: st.DataObject) -> None:
        entries = data.draw(histories(most=50))
        asyncio.run(once(entries, data.draw(splits(entries))))

    every()


async def test_a_projector_killed_in_its_transaction_leaves_nothing_and_another_goes_on(pool: Pool) -> None:
    entries = runs(50)
    async with pool.connection() as gate, pool.connection() as watch, pool.connection() as second:
        first = await connect_anew(pool)
        async with asyncio.timeout(DEADLINE), asyncio.TaskGroup() as tasks:
            async with gate.transaction():
                await gate.execute(
                    "LOCK TABLE attempts IN EXCLUSIVE MODE"
                )  # the first has written archive and runs when it comes here
                killed = tasks.create_task(_expect_end(first, entries))
                await _until_blocked(watch, first.info.backend_pid)
                rival = tasks.create_task(project(second, None, entries))
                await _until_blocked(watch, second.info.backend_pid)

                await watch.execute("SELECT pg_terminate_backend(%s)", [first.info.backend_pid])
                await killed
                assert await counts(watch) == (0, 0, 0)
            assert await rival

        assert await counts(watch) == (151, 50, 50)
        assert await archive.position(watch, 0) == entries[-1].position
        assert await compare(watch) == []


async def test_of_two_at_once_one_projects(pool: Pool) -> None:
    entries = runs(100)
    async with pool.connection() as one, pool.connection() as other, asyncio.TaskGroup() as tasks:
        both = [tasks.create_task(project(connection, None, entries)) for connection in (one, other)]

    assert sorted(each.result() for each in both) == [False, True]
    async with pool.connection() as connection:
        assert await counts(connection) == (301, 100, 100)


async def test_a_row_that_differs_from_its_history_is_named(connection: Connection) -> None:
    await project(connection, None, runs(2))
    await connection.execute("UPDATE runs SET status = 'failed' WHERE run_id = 'j-1'")
    await connection.execute("DELETE FROM attempts WHERE run_id = 'j-0'")

    found = {(each.table, *each.key): each for each in await compare(connection)}

    assert set(found) == {("runs", "j-1"), ("attempts", "j-0", 1)}
    live, rebuilt = found["runs", "j-1"].live, found["runs", "j-1"].rebuilt
    assert live is not None
    assert rebuilt is not None
    assert (live["status"], rebuilt["status"]) == ("failed", "succeeded")
    assert found["attempts", "j-0", 1].live is None


async def test_comparing_leaves_nothing_behind(connection: Connection) -> None:
    await project(connection, None, runs(2))

    await compare(connection)

    cursor = await connection.execute("SELECT count(*) FROM pg_tables WHERE tablename = ANY(%s)", [list(READ_MODELS)])
    assert await cursor.fetchone() == (len(READ_MODELS),)
    assert await compare(connection) == []


async def test_the_definition_of_a_job_has_the_jobs_status(connection: Connection) -> None:
    entries = [*runs(0), *entries_of([JobDisabled(job_id=J, version=2)], after=Position(0, 1, 1))]
    await project(connection, None, entries[:1])
    await project(connection, entries[0].position, entries[1:])

    cursor = await connection.execute("SELECT status, definition ->> 'status', definition ->> 'jobName' FROM jobs")
    assert await cursor.fetchall() == [("1", "1", "n")]


async def test_a_run_that_is_requested_again_under_its_id_is_made_anew(connection: Connection) -> None:
    first = runs(1)
    request = RunRequested(run_id=RunId("j-0"), job_id=J, trigger="manual", invoke_target="demo.noop", queue="low")
    again = entries_of([request], after=first[-1].position)
    await project(connection, None, first)
    await project(connection, first[-1].position, again)

    cursor = await connection.execute("SELECT status, attempt, result, finished_at, queue FROM runs")
    assert await cursor.fetchall() == [("queued", 0, None, None, "low")]


async def test_what_happens_to_a_run_whose_request_was_lost_is_nothing(connection: Connection) -> None:
    """A rebuild finds the same, whether anything was forgotten by then or not."""
    lost, known = RunId("x"), runs(1)
    events: list[StoredEvent] = [
        RunStarted(run_id=lost, worker="w", session="s", attempt=2, fence=1),
        StepStarted(run_id=lost, attempt=2, fence=1, number=1, name="a step"),
        RunSucceeded(run_id=lost, attempt=2, fence=1, result=None),
    ]
    after = entries_of(events, after=known[-1].position)
    assert await project(connection, None, known)
    assert await project(connection, known[-1].position, after)

    assert await counts(connection) == (len(known) + len(after), 1, 1)
    assert await (await connection.execute("SELECT count(*) FROM steps")).fetchone() == (0,)
    assert not await compare(connection)
    await connection.execute("INSERT INTO forgotten VALUES ('events', to_timestamp(0))")
    assert not await compare(connection)


@pytest.mark.parametrize("text", ["\0", "\\\0", "\\u0000", "\\\\u0000", "a\0b\\u0000"])
async def test_text_keeps_all_but_the_character_that_postgres_has_not(connection: Connection, text: str) -> None:
    request = RunRequested(
        run_id=RunId("r"), trigger="manual", invoke_target="demo.noop", params={"text": text}, queue="default"
    )
    await project(connection, None, entries_of([request]))

    cursor = await connection.execute(
        "SELECT params = %s FROM runs", [Jsonb({"text": text.replace("\0", "\N{REPLACEMENT CHARACTER}")})]
    )
    assert await cursor.fetchone() == (True,)


async def _expect_end(connection: Connection, entries: list[Entry]) -> None:
    with pytest.raises(psycopg.OperationalError):
        await project(connection, None, entries)
    await connection.close()


async def _until_blocked(watch: Connection, pid: int) -> None:
    """Until that backend waits for a lock; the test's own deadline bounds it."""
    while True:
        cursor = await watch.execute("SELECT cardinality(pg_blocking_pids(%s)) > 0", [pid])
        if await cursor.fetchone() == (True,):
            return
