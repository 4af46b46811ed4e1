"""How runs of jobs have ended is counted once, whoever projects, and never less."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import psycopg
import pytest

from tests.contract.store.test_plans import plan_of, plant, unbounded
from tests.contract.store.test_project import project
from tests.support.histories import entries_of
from waterclock.model.definition import Definition
from waterclock.model.events import (
    JobCreated,
    JobDeleted,
    RunCancelled,
    RunDied,
    RunFailed,
    RunRequested,
    RunStarted,
    RunSucceeded,
    RunTimedOut,
    StoredEvent,
)
from waterclock.model.ids import JobId, RunId
from waterclock.model.outcomes import Error
from waterclock.store import job_ends
from waterclock.store.connection.migrate import migrate, migrations
from waterclock.store.connection.pool import Connection
from waterclock.store.connection.statements import statement
from waterclock.store.readmodels.rebuild import Rebuild
from waterclock.store.retention import Keep, forget
from waterclock.wire.envelope import Entry

WRONG = Error(type="KeyError", message="'SHOP_DSN'")
COUNTED = "SELECT succeeded, failed, timed_out, cancelled, died FROM job_ends WHERE job_id = %s"


def created(job: str, **labels: str) -> JobCreated:
    definition = Definition(job_name=job, job_group="g", invoke_target="demo.noop", labels=labels)
    return JobCreated(job_id=JobId(job), version=1, definition=definition)


def run(job: str | None, number: int, how: str) -> list[StoredEvent]:
    named: dict[str, Any] = {"run_id": RunId(f"{job or 'x'}-{number}"), "job_id": None if job is None else JobId(job)}
    ended: dict[str, StoredEvent] = {
        "succeeded": RunSucceeded(**named, attempt=1, fence=1),
        "failed": RunFailed(**named, attempt=1, fence=1, outcome="failed", error=WRONG),
        "timedOut": RunTimedOut(**named, attempt=1, fence=1, error=WRONG),
        "cancelled": RunCancelled(**named, attempt=1, fence=1),
        "died": RunDied(**named, attempt=1, fence=1, reason="leaseExpired"),
    }
    return [
        RunRequested(**named, trigger="manual", invoke_target="demo.noop", queue="default"),
        RunStarted(**named, worker="w", session="s", attempt=1, fence=1),
        ended[how],
    ]


HOWS = ("failed", "succeeded", "timedOut", "cancelled", "died", "succeeded", "failed", "succeeded")


def history() -> list[Entry]:
    events: list[StoredEvent] = [created("a", monitor="yes"), created("b")]
    for number, how in enumerate(HOWS):
        events += run("a", number, how) + run(None, number, how)
    return entries_of([*events, *run("b", 0, "failed")])


async def counted(connection: Connection, job: str = "a") -> tuple[int, ...]:
    row = await (await connection.execute(COUNTED, [job])).fetchone()
    assert row is not None
    return row


async def test_each_end_is_counted_once_by_how_it_ended(connection: Connection) -> None:
    entries = history()
    for first in range(0, len(entries), 7):
        after = entries[first - 1].position if first else None
        assert await project(connection, after, entries[first : first + 7])
        assert not await project(connection, after, entries[first : first + 7])
    assert await counted(connection) == (3, 2, 1, 1, 1)
    assert await counted(connection, "b") == (0, 1, 0, 0, 0)
    cursor = await connection.execute("SELECT count(*) FROM job_ends")
    assert await cursor.fetchone() == (2,), "runs without a job are nobody's"


async def test_the_last_of_each_kind_has_its_moment(connection: Connection) -> None:
    entries = history()
    await project(connection, None, entries)
    [found], more = await job_ends.monitored(connection, [0], 500)
    at = {(type(one.event), getattr(one.event, "run_id", None)): one.at for one in entries}
    assert (found.job_group, found.job_name, more) == ("g", "a", 0)
    assert found.last_end == found.last_success == at[RunSucceeded, "a-7"]
    assert found.last_failure == at[RunFailed, "a-6"]


async def test_retention_and_a_rebuild_leave_the_counts(connection: Connection) -> None:
    entries = history()
    await project(connection, None, entries)
    before = await counted(connection)
    later = entries[-1].at + 10 * 86_400_000
    await forget(connection, Keep(events=None, runs=dict.fromkeys(("succeeded", "failed"), timedelta(days=2))), later)
    cursor = await connection.execute("SELECT count(*) FROM runs WHERE status IN ('succeeded', 'failed')")
    assert await cursor.fetchone() == (0,)

    rebuild = await Rebuild.begin(connection)
    await rebuild.fold(_say_nothing)
    await rebuild.swap()
    await rebuild.drop()

    assert await counted(connection) == before


def _say_nothing(folded: int, total: int) -> None:
    del folded, total


async def test_what_an_earlier_release_has_projected_meanwhile_is_counted_by_the_next(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A release that knows nothing of the counts leaves them, and how far they are, as they were."""
    entries = history()
    await project(connection, None, entries[:20])
    then = await (await connection.execute("SELECT * FROM job_ends")).fetchall()
    await project(connection, entries[19].position, entries[20:])
    expected = await counted(connection)
    await connection.execute("UPDATE job_ends_counted SET seq = %s", [entries[19].position.seq])
    await connection.execute("TRUNCATE job_ends")
    for row in then:
        await connection.execute("INSERT INTO job_ends VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)", row)

    monkeypatch.setattr(job_ends, "AT_ONCE", 5)
    await job_ends.catch_up(connection, 0)

    assert await counted(connection) == expected
    await job_ends.catch_up(connection, 0)
    assert await counted(connection) == expected


async def test_a_store_of_before_begins_with_the_runs_it_has(postgres_url: str) -> None:
    name = "0021_job_ends"
    entries = history()
    async with await psycopg.AsyncConnection.connect(postgres_url, autocommit=True) as connection:
        await migrate(postgres_url)
        await connection.execute(statement("add_partition"), {"partition": 0})
        await project(connection, None, entries[:-3])
        await connection.execute("DROP TABLE job_ends, job_ends_counted")
        await connection.execute("DROP INDEX jobs_monitored")
        await connection.execute("DELETE FROM migrations WHERE name = %s", [name])

        assert await migrate(postgres_url) == [name]

        assert await counted(connection) == (3, 2, 1, 1, 1)
        await project(connection, entries[-4].position, entries[-3:])
        assert await counted(connection) == (3, 2, 1, 1, 1)
        assert await counted(connection, "b") == (0, 1, 0, 0, 0)
    assert name in {each.name for each in migrations()}


async def test_the_first_of_those_with_the_label_are_told_and_the_others_counted(connection: Connection) -> None:
    labelled = [created(f"m{number}", monitor="") for number in range(5)]
    deleted = JobDeleted(job_id=JobId("m1"), version=2)
    await project(connection, None, entries_of([created("plain", other="monitor"), *labelled, deleted]))

    found, more = await job_ends.monitored(connection, [0], 2)
    assert ([one.job_name for one in found], more) == (["m0", "m2"], 2)
    assert (found[0].last_end, found[0].last_success, found[0].succeeded) == (None, None, 0)
    assert await job_ends.monitored(connection, [1], 2) == ([], 0), "another projector's"


async def test_ends_are_found_by_their_place_and_monitored_jobs_by_their_label(connection: Connection) -> None:
    await project(connection, None, history())
    await plant(connection, "events_default", "jobs", "job_ends")

    async with connection.transaction():
        await connection.execute(statement("prefer_lookups"))
        counting = await plan_of(connection, statement("count_ends"), {"partition": 0, "limit": 100})
    telling = await plan_of(connection, statement("monitored_jobs"), {"most": 500, "partitions": [0]})

    assert unbounded(counting, "events_default") == []
    assert "jobs_monitored" in {node.get("Index Name") for node in telling}
