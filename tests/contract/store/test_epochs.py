"""What Postgres keeps of epochs, of whose the log is, and of what repairs dropped."""

from __future__ import annotations

from typing import Any

import msgspec
import psycopg
import pytest

from tests.contract.store.test_project import project
from tests.support.histories import entries_of
from tests.support.roles import with_roles
from tests.support.servers import Shared
from waterclock.model.events import EpochBegan, LogForked, LogLine, LogsCleared, RunRequested, StepLogged
from waterclock.model.ids import JobId, RunId
from waterclock.model.positions import Position
from waterclock.model.timestamps import stamp
from waterclock.store import dropped, epochs, installation, retention
from waterclock.store.connection.migrate import migrate
from waterclock.store.connection.pool import Connection
from waterclock.store.connection.statements import statement
from waterclock.store.epochs import MOST, NAMES, EpochsUsedUp, OfNames, Reached
from waterclock.store.installation import Installation
from waterclock.store.partitioning import repartition
from waterclock.wire.envelope import Entry

JOB, RUN = JobId("job"), RunId("job-1")


async def rows(connection: Connection, query: str) -> list[tuple[Any, ...]]:
    return await (await connection.execute(query.encode())).fetchall()


async def test_an_epoch_is_later_than_all_that_is_known_anywhere(connection: Connection) -> None:
    assert await epochs.reserve(connection, 0, None, above=0) == 1
    assert await epochs.reserve(connection, 0, None, above=0) == 2
    assert await epochs.reserve(connection, 0, None, above=7) == 8
    await epochs.note_opened(connection, 0, 20)
    await epochs.note_opened(connection, 0, 11)
    assert await epochs.reserve(connection, 0, None, above=0) == 21
    assert await epochs.reserve(connection, 0, Position(0, 1, 1), above=0) is None
    assert await epochs.opened(connection) == {0: 20}
    assert await epochs.latest(connection) == 21


async def test_an_epoch_that_was_reserved_is_known_until_another_is_or_something_is_archived(
    connection: Connection,
) -> None:
    assert await epochs.reserve(connection, 0, None, above=0) == 1
    assert await epochs.is_reserved(connection, 0, None, 1)
    assert not await epochs.is_reserved(connection, 0, None, 2)
    assert not await epochs.is_reserved(connection, 0, Position(0, 1, 1), 1)
    await epochs.reserve(connection, 0, None, above=0)
    assert not await epochs.is_reserved(connection, 0, None, 1)


async def test_no_epoch_is_reserved_where_fences_would_collide(connection: Connection) -> None:
    assert await epochs.reserve(connection, 0, None, above=MOST - 1) == MOST
    for above in (0, 9_000):
        with pytest.raises(EpochsUsedUp, match=r"epoch (8000|9000), and 8000 is the last one"):
            await epochs.reserve(connection, 0, None, above=above)
    assert await epochs.latest(connection, 0) == MOST
    await connection.execute("UPDATE partitions SET opening = 9000")
    with pytest.raises(EpochsUsedUp):
        await epochs.reserve(connection, 0, None, above=0)


async def test_each_opening_of_the_names_has_an_epoch_and_one_that_came_to_nothing_is_used_again(
    connection: Connection,
) -> None:
    one, other = OfNames(connection), OfNames(connection)
    assert [await one.reserve(3), await one.reserve(3)] == [4, 4]
    assert await other.reserve(0) == 5
    assert await one.reserve(3) == 6
    await one.opened(6)
    await other.opened(5)
    assert await epochs.opened(connection) == {0: 0, NAMES: 6}
    assert await one.reserve(0) == 7


async def test_after_a_restore_epochs_go_on_far_beyond_what_is_known(connection: Connection) -> None:
    await epochs.note_opened(connection, 0, 5)
    await connection.execute(statement("level_openings"), {"above": 3})
    assert await epochs.reserve(connection, 0, None, above=0) == 21
    assert (await repartition(connection, 3, above=30)).since == 46
    assert await epochs.reserve(connection, 2, None, above=0) == 46


async def test_who_reaches_a_later_epoch_elsewhere_is_known_for_a_while(connection: Connection) -> None:
    await epochs.note_reached(connection, [Reached(0, "new", 2), Reached(NAMES, "new", 3), Reached(0, "old", 1)])
    found = await epochs.reached_elsewhere(connection, Reached(0, "old", 1), within=5)
    assert found == Reached(0, "new", 2)
    for seen in (Reached(0, "new", 1), Reached(0, "old", 2), Reached(1, "old", 1)):
        assert await epochs.reached_elsewhere(connection, seen, within=5) is None
    await connection.execute("UPDATE reached SET seen_at = seen_at - interval '6 seconds'")
    assert await epochs.reached_elsewhere(connection, Reached(0, "old", 1), within=5) is None
    await epochs.note_reached(connection, [Reached(0, "new", 1)])  # again, late: it has seen the later one
    assert await epochs.reached_elsewhere(connection, Reached(0, "old", 1), within=5) == found


@pytest.mark.parametrize("told", [Reached(-2, "a", 1), Reached(0, "a", 0), Reached(0, "a" * 101, 1)])
async def test_a_note_that_is_none_is_refused(connection: Connection, told: Reached) -> None:
    with pytest.raises(psycopg.errors.InvalidParameterValue):
        await epochs.note_reached(connection, [told])


async def test_services_note_what_they_reach_by_the_function_alone(postgres_server: Shared) -> None:
    with with_roles(postgres_server) as roles:
        await migrate(roles.of("owner"))
        for name in ("api", "projector"):
            with psycopg.connect(roles.of(name), autocommit=True) as service:
                service.execute("SELECT note_reached('{0}', '{server}', '{1}')")
                assert service.execute("SELECT count(*) FROM reached").fetchone() == (1,)
                assert service.execute("SELECT count(*) FROM installation").fetchone() == (0,)
                for text in (
                    "DELETE FROM reached",
                    "INSERT INTO reached VALUES (0, 'a', 9, now())",
                    "INSERT INTO installation (identity, prefix) VALUES ('a', 'b')",
                ):
                    with pytest.raises(psycopg.errors.InsufficientPrivilege):
                        service.execute(text.encode())


async def test_a_database_is_one_installations(connection: Connection) -> None:
    assert await installation.installation(connection) is None
    ours = Installation("ours", "wc")
    assert await installation.found(connection, ours) == ours
    assert await installation.found(connection, Installation("theirs", "other")) == ours
    assert not await installation.move(connection, "wc")
    assert await installation.move(connection, "blue")
    assert await installation.installation(connection) == Installation("ours", "blue")


def logged(text: str) -> StepLogged:
    line = LogLine(at=stamp(0), level="info", text=text)
    return StepLogged(run_id=RUN, job_id=JOB, attempt=1, fence=1, lines=(line,))


def of_an_old_branch(*events: Any) -> list[Entry]:
    return entries_of(list(events), partition=0, after=Position(0, 1, 10))


REQUESTED = RunRequested(run_id=RUN, job_id=JOB, trigger="manual", invoke_target="demo.noop", queue="default")


async def test_what_a_repair_drops_is_kept_and_counts_once_its_fork_is_archived(connection: Connection) -> None:
    entries = of_an_old_branch(REQUESTED, logged("a secret"))
    for fork in (2, 3):
        await dropped.keep(connection, fork, entries)
    assert await dropped.open_forks(connection, 0) in ([2, 3], [3, 2])
    assert await dropped.kept(connection, 0, [2, 3]) == (4, entries[0].position, entries[1].position)
    assert await dropped.kept(connection, 0, [4]) is None
    kept = await rows(connection, "SELECT epoch, seq, prev, type, job_id, run_id, document FROM dropped WHERE fork = 2")
    assert kept == [
        (1, 11, "1-10", "run.requested", JOB, RUN, entries[0].document),
        (1, 12, "1-11", "step.log", JOB, RUN, entries[1].document),
    ]
    (forked,) = entries_of([LogForked(epoch=3, server="s", lost=0, repaired=0)], after=Position(0, 3, 0))
    assert await project(connection, None, [forked])
    assert await dropped.open_forks(connection, 0) == [2]


async def test_what_a_repair_kept_that_came_to_nothing_is_forgotten_where_it_is_known_otherwise(
    connection: Connection,
) -> None:
    entries = of_an_old_branch(
        REQUESTED, logged("archived"), logged("in the stream"), logged("kept again"), logged("gone")
    )
    await dropped.keep(connection, 2, entries)
    assert await project(connection, None, entries[1:2])
    await dropped.keep(connection, 3, entries[3:4])
    (forked,) = entries_of([LogForked(epoch=3, server="s", lost=0, repaired=0)], after=Position(0, 3, 0))
    assert await project(connection, entries[1].position, [forked])

    other = msgspec.structs.replace(entries[0], prev="1-9")  # of another past
    await dropped.forget_present(connection, 0, [2], [other, entries[2]])
    await dropped.carry(connection, 0, [2], 5)

    found = await rows(connection, "SELECT fork, seq FROM dropped ORDER BY fork, seq")
    assert found == [(3, 14), (5, 11), (5, 15)]
    assert await dropped.open_forks(connection, 0) == [5]
    (began,) = entries_of([EpochBegan(epoch=5, server="s")], after=Position(0, 5, 0))
    assert await project(connection, forked.position, [began])
    assert await dropped.open_forks(connection, 0) == []


async def test_lines_that_are_cleared_are_cleared_among_what_was_dropped(connection: Connection) -> None:
    cleared = LogsCleared(job_id=JOB, command_id="c")
    await dropped.keep(connection, 2, of_an_old_branch(logged("before"), cleared, logged("after")))
    await dropped.clear_within(connection, 0, 2)
    assert await rows(connection, "SELECT seq FROM dropped ORDER BY seq") == [(12,), (13,)]
    await dropped.clear_job(connection, "another")
    assert len(await rows(connection, "SELECT FROM dropped")) == 2
    await dropped.clear_job(connection, JOB)
    assert await rows(connection, "SELECT type FROM dropped") == [("logs.cleared",)]


async def test_what_was_dropped_goes_with_the_events_of_its_time(connection: Connection) -> None:
    entries = of_an_old_branch(REQUESTED)
    await dropped.keep(connection, 2, entries)
    await connection.execute("INSERT INTO forgotten VALUES ('events', to_timestamp(0))")
    await retention.settle(connection)
    assert await rows(connection, "SELECT count(*) FROM dropped") == [(1,)]
    await connection.execute("UPDATE forgotten SET before = '2030-01-01'")
    await retention.settle(connection)
    assert await rows(connection, "SELECT count(*) FROM dropped") == [(0,)]
