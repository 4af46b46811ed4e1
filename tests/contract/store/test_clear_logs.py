"""Cleared log lines go in pieces, and from the first moment nobody reads those that are still there."""

from __future__ import annotations

import pytest

from tests.contract.store.test_project import project
from tests.support.histories import entries_of
from waterclock.model.events import LogLine, LogsCleared, RunRequested, StepLogged, StoredEvent
from waterclock.model.ids import JobId, RunId
from waterclock.model.timestamps import Stamp
from waterclock.store import archive
from waterclock.store.connection.pool import Connection
from waterclock.store.readmodels import clear_logs
from waterclock.store.readmodels.clear_logs import clear_lines
from waterclock.wire.envelope import Entry
from waterclock_api.queries import read_models
from waterclock_api.queries.logs.lines import run_lines
from waterclock_api.schemas.requests import LinesQuery

JOB, OTHER = JobId("j"), JobId("k")


def logged(job: JobId, number: int, *texts: str) -> list[StoredEvent]:
    """A run that says something in one event."""
    run = RunId(f"{job}-{number}")
    lines = tuple(LogLine(at=Stamp("2027-01-15T10:00:00.000Z"), level="info", text=text) for text in texts)
    return [
        RunRequested(run_id=run, job_id=job, trigger="manual", invoke_target="demo.noop", queue="default"),
        StepLogged(run_id=run, job_id=job, attempt=1, fence=1, lines=lines),
    ]


async def put(connection: Connection) -> Entry:
    """Ten lines of a job, its clearing, another line of it; beside them what another job said. The clearing."""
    before = [*logged(JOB, 1, *"abcdefg"), *logged(OTHER, 1, "x"), *logged(JOB, 2, "h"), *logged(JOB, 3, "i", "j")]
    entries = entries_of([*before, LogsCleared(job_id=JOB), *logged(JOB, 4, "k")])
    first = len(before)
    assert await project(connection, None, entries[:first])
    assert await project(connection, entries[first - 1].position, entries[first:])
    return entries[first]


async def stored(connection: Connection) -> list[str]:
    return [row[0] for row in await (await connection.execute("SELECT text FROM log_lines ORDER BY seq")).fetchall()]


async def read(connection: Connection) -> str:
    """What is shown of lines, one after another: by runs, by jobs, by the archive."""
    pages = [await run_lines(connection, f"j-{number}", LinesQuery(), 99) for number in range(1, 5)]
    lines = [line for page in pages for line in page.items]
    newest = [line for job in (JOB, OTHER) for line in await read_models.job_lines(connection, job, 99)]
    entries = await archive.entries(connection, 0, None, None, 99)
    told = [entry.event.lines for entry in entries if isinstance(entry.event, StepLogged)]
    texts = [[line.text for line in some] for some in (lines, newest, [one for some in told for one in some])]
    return " ".join("".join(some) for some in texts)


@pytest.mark.parametrize("at_once", [1, 3, 10, 11])
async def test_all_lines_before_the_clearing_go_and_no_others(
    connection: Connection, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    monkeypatch.setattr(clear_logs, "AT_ONCE", at_once)
    place = (await put(connection)).position
    assert len(await stored(connection)) == 12

    assert await clear_lines(connection, JOB, place) == 10

    assert await stored(connection) == ["x", "k"]
    assert await clear_lines(connection, JOB, place) == 0


async def test_nobody_reads_lines_that_are_cleared_and_still_there(connection: Connection) -> None:
    await put(connection)
    assert len(await stored(connection)) == 12

    assert await read(connection) == "k kx xk"
