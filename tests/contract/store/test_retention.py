"""What is not kept any more goes, events in whole months; what is needed of them stays, and is enough for a rebuild."""

from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from tests.contract.store.test_project import project, runs
from tests.contract.store.test_rebuild import rebuilt, rows
from tests.support.histories import BEGAN, entries_of
from waterclock.model.definition import Definition
from waterclock.model.events import (
    Event,
    FireSkipped,
    JobCreated,
    LogLine,
    NoticesMuted,
    NoticesUnmuted,
    QueuePaused,
    RunFailed,
    RunRequested,
    RunStarted,
    RunSucceeded,
    StepLogged,
    WorkerJoined,
)
from waterclock.model.ids import JobId, MuteId, RunId
from waterclock.model.outcomes import Error
from waterclock.model.positions import Position
from waterclock.model.timestamps import stamp
from waterclock.store import archive, retention
from waterclock.store.connection.pool import Connection
from waterclock.store.connection.statements import statement
from waterclock.store.notices import facts
from waterclock.store.readmodels.rebuild import compare
from waterclock.store.readmodels.shadow_tables import READ_MODELS
from waterclock.store.retention import ENDED, EVENTS, Keep, horizons
from waterclock_api.projector.maintenance import in_force, kept

J = JobId("j")
DAY = 86_400_000
LATER = BEGAN + 100 * DAY
NOW = datetime.fromtimestamp(BEGAN / 1000, UTC)


def history() -> list[Event]:
    """A job with a decision, a run of each fate, lines, a pause, a worker."""
    at = stamp(BEGAN)
    line = LogLine(at=at, level="info", text="said")
    grant: dict[str, Any] = {"job_id": J, "attempt": 1, "fence": 1}
    begun: list[Event] = []
    for name in ("good", "bad", "live"):
        run = RunId(f"j-{name}")
        begun += [
            RunRequested(run_id=run, job_id=J, trigger="manual", invoke_target="demo.noop", queue="default"),
            RunStarted(run_id=run, worker="w", session="s", **grant),
            StepLogged(run_id=run, lines=(line,), **grant),
        ]
    error = Error(type="ValueError", message="no")
    return [
        WorkerJoined(worker="w", session="s", queues=("default",), slots=1, executors=()),
        JobCreated(job_id=J, version=1, definition=Definition(job_name="n", invoke_target="demo.noop"), through=at),
        QueuePaused(queue="low"),
        *begun,
        RunFailed(run_id=RunId("j-bad"), outcome="failed", error=error, **grant),
        RunSucceeded(run_id=RunId("j-good"), result=None, **grant),
        FireSkipped(
            job_id=J,
            policy="3",
            reason="misfire",
            first=at,
            last=at,
            count=1,
            digest="d",
            after=at,
            through=stamp(BEGAN + 5000),
        ),
    ]


async def put(connection: Connection) -> None:
    await connection.execute("SELECT make_archive_month(to_timestamp(%s))", [BEGAN / 1000])
    await project(connection, None, entries_of(history()))


async def left(connection: Connection, table: str) -> list[object]:
    return [row[0] for row in await rows(connection, f"SELECT run_id FROM {table} ORDER BY run_id")]


async def months(connection: Connection) -> list[object]:
    found = await rows(connection, "SELECT DISTINCT tableoid::regclass::text FROM events ORDER BY 1")
    return [row[0] for row in found]


async def test_events_go_by_months_and_no_run_outlives_those_of_its_time() -> None:
    keep = Keep(events=timedelta(days=30), runs={"succeeded": timedelta(days=7), "failed": timedelta(days=365)})
    now = datetime(2027, 3, 15, 12, tzinfo=UTC)
    found = horizons(keep, int(now.timestamp() * 1000))
    assert found[EVENTS] == datetime(2027, 2, 1, tzinfo=UTC).timestamp() * 1000
    assert found["failed"] == found["died"] == found[EVENTS]
    assert found["succeeded"] == (now - timedelta(days=7)).timestamp() * 1000
    assert horizons(Keep(), 0) == {}


async def test_runs_go_by_their_status_with_all_that_belongs_to_them(connection: Connection) -> None:
    await put(connection)

    await retention.forget(connection, Keep(runs={"succeeded": timedelta(days=7)}), LATER)

    for table in ("runs", "attempts", "log_lines"):
        assert await left(connection, table) == ["j-bad", "j-live"]
    assert await compare(connection) == []
    assert await rebuilt(connection, swap=True) == dict.fromkeys(READ_MODELS, True)
    assert await left(connection, "runs") == ["j-bad", "j-live"]
    assert len(await rows(connection, "SELECT FROM events")) == len(history())


async def test_a_month_is_dropped_but_for_what_is_needed_later(connection: Connection) -> None:
    await put(connection)
    assert await months(connection) == [f"events_{NOW:%Y_%m}"]
    mark = await rows(connection, "SELECT mark FROM jobs")

    await retention.forget(connection, Keep(events=timedelta(days=30)), LATER)

    assert await months(connection) == ["events_default"]
    assert await rows(connection, "SELECT to_regclass(%s)", f"events_{NOW:%Y_%m}") == [(None,)]
    kept = await rows(connection, "SELECT type, run_id FROM events ORDER BY seq")
    assert kept == [
        ("worker.joined", None),
        ("job.created", None),
        ("queue.paused", None),
        ("run.requested", "j-live"),
        ("run.started", "j-live"),
        ("step.log", "j-live"),
        ("fire.skipped", None),  # the last of its partition
    ]
    assert await left(connection, "runs") == ["j-live"]
    assert await rows(connection, "SELECT mark FROM jobs") == mark
    assert await rows(connection, "SELECT FROM decisions") == []
    assert await compare(connection) == []
    assert await rebuilt(connection, swap=True) == dict.fromkeys(READ_MODELS, True)
    assert await rows(connection, "SELECT mark FROM jobs") == mark


async def test_mutes_stay_and_those_in_force_stay_in_force(connection: Connection) -> None:
    await put(connection)
    last = await archive.position(connection, 0)
    until = stamp(LATER + 10 * DAY)
    over, standing = MuteId("j-mover"), MuteId("mstanding")
    events: list[Event] = [
        NoticesMuted(mute_id=over, job_id=J, until=until, reason="noisy"),
        NoticesUnmuted(mute_id=over, job_id=J),
        NoticesMuted(mute_id=standing, group="reports", until=until, reason="a move"),
        QueuePaused(queue="low"),
    ]
    await project(connection, last, entries_of(events, after=last))
    before = await rows(connection, "SELECT * FROM mutes ORDER BY mute_id")
    assert len(before) == 2

    for day in range(2):  # the second time what the month has left behind is swept
        await retention.forget(connection, Keep(events=timedelta(days=30)), LATER + day * DAY)

    assert await months(connection) == ["events_default"]
    kept = await rows(connection, "SELECT type FROM events WHERE type LIKE 'notices.%%' ORDER BY seq")
    assert kept == [("notices.muted",), ("notices.unmuted",), ("notices.muted",)]
    assert await rows(connection, "SELECT * FROM mutes ORDER BY mute_id") == before
    assert await compare(connection) == []
    assert await rebuilt(connection, swap=True) == dict.fromkeys(READ_MODELS, True)
    assert await rows(connection, "SELECT * FROM mutes ORDER BY mute_id") == before


async def test_what_was_left_of_a_month_goes_when_it_is_needed_no_longer(connection: Connection) -> None:
    await put(connection)
    keep = Keep(events=timedelta(days=30))
    await retention.forget(connection, keep, LATER)
    last = await archive.position(connection, 0)
    ended = RunSucceeded(run_id=RunId("j-live"), job_id=J, attempt=1, fence=1, result=None)
    await project(connection, last, entries_of([ended, QueuePaused(queue="low")], after=last))

    await retention.forget(connection, keep, LATER + DAY)

    kept = await rows(connection, "SELECT type FROM events ORDER BY seq")
    assert kept == [("worker.joined",), ("job.created",), ("queue.paused",), ("queue.paused",)]
    assert await left(connection, "log_lines") == []
    assert await compare(connection) == []


async def test_what_began_to_be_forgotten_is_finished_by_the_next(connection: Connection) -> None:
    await put(connection)
    before = horizons(Keep(events=timedelta(days=30)), LATER)
    noted = {"whats": list(before), "befores": list(before.values())}
    await connection.execute(statement("note_forgotten"), noted)

    assert await rebuilt(connection, swap=False) == dict.fromkeys(READ_MODELS, True)

    assert await left(connection, "runs") == ["j-live"]


MONTH = f"events_{NOW:%Y_%m}"
KEEP = Keep(events=timedelta(days=30))


async def judged(connection: Connection, through: Position) -> None:
    """As far as a notifier has come."""
    if not await facts.begin(connection, through):
        place = await facts.judged(connection, 0)
        assert place is not None
        await facts.advance(connection, place, through)


async def test_a_month_that_is_not_judged_yet_stays_until_it_is(connection: Connection) -> None:
    await put(connection)
    last = await archive.position(connection, 0)
    assert last is not None
    await judged(connection, last._replace(seq=last.seq - 1))
    await retention.forget(connection, KEEP, LATER)
    assert await months(connection) == [MONTH]
    assert len(await rows(connection, "SELECT FROM events")) == len(history())

    assert await rebuilt(connection, swap=False) == dict.fromkeys(READ_MODELS, True)
    assert await months(connection) == [MONTH], "nor does a rebuild drop it"

    await judged(connection, last)
    assert await rebuilt(connection, swap=False) == dict.fromkeys(READ_MODELS, True)
    assert await months(connection) == ["events_default"]


async def test_an_earlier_month_than_what_is_not_judged_goes(connection: Connection) -> None:
    await put(connection)
    last = await archive.position(connection, 0)
    assert last is not None
    await connection.execute("SELECT make_archive_month(to_timestamp(%s))", [BEGAN / 1000 - 40 * 86_400])
    await connection.execute("UPDATE events SET at = at - interval '40 days' WHERE seq < %s", [last.seq])
    await judged(connection, last._replace(seq=last.seq - 1))
    await retention.forget(connection, KEEP, LATER)
    assert await months(connection) == [MONTH, "events_default"]


async def test_what_is_not_judged_stays_in_the_default_table_too(connection: Connection) -> None:
    await project(connection, None, entries_of(history()))
    await connection.execute("UPDATE events SET at = at + interval '400 days'")
    assert await months(connection) == ["events_default"]
    through = Position(0, 1, len(history()) - 3)
    await judged(connection, through)
    keep = Keep(events=timedelta(days=30), runs=dict.fromkeys(ENDED, timedelta(days=2)))
    await retention.forget(connection, keep, LATER + 400 * DAY)
    assert await rows(connection, "SELECT type FROM events WHERE seq > %s ORDER BY seq", through.seq) == [
        ("run.failed",),
        ("run.succeeded",),
        ("fire.skipped",),
    ]
    assert ("step.log", "j-good") not in await rows(connection, "SELECT type, run_id FROM events")


async def test_a_notifier_that_is_seven_days_behind_holds_nothing_up(connection: Connection) -> None:
    await put(connection)
    await connection.execute("SELECT make_archive_month(to_timestamp(%s))", [BEGAN / 1000 - 400 * 86_400])
    await connection.execute("UPDATE events SET at = at - interval '400 days'")
    await judged(connection, Position(0, 1, 1))
    await retention.forget(connection, KEEP, LATER)
    assert await months(connection) == ["events_default"]


async def test_a_new_store_says_that_ended_runs_are_kept_for_90_days(connection: Connection) -> None:
    assert await retention.age_of_runs(connection) == "90d"
    by_store = await in_force(connection, kept("365d", ()))
    assert by_store == Keep(events=timedelta(days=365), runs=dict.fromkeys(ENDED, timedelta(days=90)))
    for said in (("forever",), ("30d", "failed=180d")):
        assert await in_force(connection, kept(None, said)) == kept(None, said), "the setting overrules it"
    with pytest.raises(psycopg.errors.CheckViolation):
        await connection.execute("UPDATE retention SET age = 'soon'")


async def test_what_ended_runs_take_is_counted(connection: Connection) -> None:
    await project(connection, None, runs(40))
    older = "UPDATE runs SET finished_at = now() - interval '2 days' WHERE run_id IN (SELECT run_id FROM runs LIMIT 30)"
    await connection.execute(older)
    found = await retention.ended_runs(connection)
    assert (found.ended, found.lately) == (40, 10)
    assert found.bytes > 0


async def test_many_runs_go_page_by_page(connection: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "AT_ONCE", 7)
    await project(connection, None, runs(40))

    await retention.forget(connection, Keep(runs={"succeeded": timedelta(days=2)}), LATER)

    assert await left(connection, "runs") == []
    assert await rows(connection, "SELECT last_run_id FROM jobs") == [(None,)]
    assert await compare(connection) == []
