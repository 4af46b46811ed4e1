"""The archive gives back what was put in, but for lines that were deleted."""

import msgspec
import pytest

from tests.support.histories import entries_of
from waterclock.model.events import Event, LeadershipTaken, LogLine, LogsCleared, StepLogged
from waterclock.model.ids import JobId, RunId
from waterclock.model.positions import Position
from waterclock.model.timestamps import Stamp
from waterclock.store import archive
from waterclock.store.archive import ArchiveReader
from waterclock.store.connection.pool import Connection, Pool
from waterclock.store.readmodels.project import apply, batch_of
from waterclock.wire.envelope import Entry, UnknownEvent, read_entry

AT = Stamp("2027-01-15T10:00:00.123Z")


def logged(*texts: str, job: str | None = "j") -> StepLogged:
    lines = tuple(LogLine(at=AT, level="warning", text=text) for text in texts)
    job_id = JobId(job) if job is not None else None
    return StepLogged(run_id=RunId(f"{job}-r"), job_id=job_id, attempt=1, fence=5, number=2, lines=lines)


def others(count: int) -> list[Event]:
    return [LeadershipTaken(scheduler="s", term=term) for term in range(count)]


async def put(connection: Connection, entries: list[Entry], after: Position | None = None) -> None:
    assert await apply(connection, after, entries, batch_of(entries))


async def test_entries_come_back_as_they_were(connection: Connection) -> None:
    entries = entries_of([logged("one", 'zwei é 🕰 \\ " \n'), *others(2), logged(), logged("x", job=None)])
    await put(connection, entries)

    assert await archive.entries(connection, 0, None, None, 100) == entries
    assert await archive.position(connection, 0) == entries[-1].position


async def test_lines_lie_beside_the_archived_event(connection: Connection) -> None:
    await put(connection, entries_of([logged("one", "two")]))

    cursor = await connection.execute("SELECT convert_from(document, 'UTF8')::jsonb FROM events")
    (stub,) = [row[0] for row in await cursor.fetchall()]
    assert (stub["lines"], stub["linesCount"]) == ([], 2)


async def test_cleared_lines_are_gone_and_the_events_tell_how_many_there_were(connection: Connection) -> None:
    events = [logged("one", "two"), logged("kept", job="other"), LogsCleared(job_id=JobId("j")), logged("later")]
    entries = entries_of(events)
    await put(connection, entries[:2])
    await put(connection, entries[2:], entries[1].position)

    found = [entry.event for entry in await archive.entries(connection, 0, None, None, 100)]

    assert found == [msgspec.structs.replace(logged(), lines_count=2), *events[1:]]


async def test_a_line_may_have_a_character_that_postgres_has_not(connection: Connection) -> None:
    await put(connection, entries_of([logged("a\0b")]))

    (entry,) = await archive.entries(connection, 0, None, None, 100)

    assert isinstance(entry.event, StepLogged)
    assert [line.text for line in entry.event.lines] == ["a\N{REPLACEMENT CHARACTER}b"]


async def test_both_bounds_are_left_out_and_the_limit_holds(connection: Connection) -> None:
    entries = entries_of(others(10))
    await put(connection, entries)

    between = await archive.entries(connection, 0, entries[2].position, entries[8].position, 100)
    limited = await archive.entries(connection, 0, entries[2].position, entries[8].position, 3)

    assert between == entries[3:8]
    assert limited == entries[3:6]
    assert await archive.entries(connection, 1, None, None, 100) == []


async def test_a_reader_of_the_log_gets_the_whole_gap(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "_PAGE", 3)
    entries = entries_of(others(10))
    async with pool.connection() as connection:
        await put(connection, entries)

    assert await ArchiveReader(pool).entries(0, entries[0].position, entries[8].position) == entries[1:8]


async def test_an_event_of_an_unknown_type_is_kept_as_it_is_and_found_by_its_run(connection: Connection) -> None:
    body = b'{"type":"run.levitated","runId":"j-r","jobId":"j","height":[1,2.50]}'
    entry = read_entry(0, "1-1", {b"b": body, b"p": b"", b"t": b"1800000000000"})
    assert entry.event == UnknownEvent(type="run.levitated")
    await put(connection, [entry])

    cursor = await connection.execute("SELECT type, job_id, run_id FROM events")
    assert await cursor.fetchall() == [("run.levitated", "j", "j-r")]
    assert await archive.entries(connection, 0, None, None, 1) == [entry]
