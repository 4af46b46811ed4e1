"""Whoever knows more of an epoch than is left of it says so: once, and only what no repair has kept."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest

from tests.contract.log.build import WORKER, ask, create, ending, entries_of, finish, grab, wish
from tests.support.lost_tail import lose_after
from tests.support.waiting import until
from waterclock.kit.telemetry import catalog
from waterclock.log.client import Log
from waterclock.log.commands.bodies import body_of
from waterclock.log.connection.ends import Ends
from waterclock.log.connection.errors import LogUnavailable
from waterclock.log.liveness.event_level import say_level
from waterclock.log.liveness.leadership import watch
from waterclock.log.liveness.sessions import join
from waterclock.log.recovery import losses
from waterclock.log.recovery.losses import Loss, Losses, loss_after, tell
from waterclock.log.recovery.lost_runs import lost_runs, say_lost
from waterclock.log.recovery.opening import open_partition
from waterclock.log.tail import entries_from, trim
from waterclock.model.events import LogForked, LogTruncated
from waterclock.model.positions import Position
from waterclock.wire.envelope import Entry
from waterclock.wire.level import LEVEL


def at(seq: int, epoch: int = 1) -> Position:
    return Position(0, epoch, seq)


async def grown(log: Log, runs: int = 4) -> None:
    """The epoch, the job, and so many runs."""
    await create(log)
    await ask(log, *(wish(n) for n in range(runs)))


async def told(log: Log) -> list[LogTruncated]:
    return [
        entry.event for entry in await entries_from(log, 0, at(1, 2), count=99) if isinstance(entry.event, LogTruncated)
    ]


async def shortened(log: Log, seq: int = 4) -> None:
    """Six entries of which some are lost, and the next epoch; all projectors know the event."""
    await grown(log)
    await lose_after(log, 0, seq)
    await open_partition(log, 0, epoch=2, expect_tail=None)
    await say_level(log, LEVEL)


async def test_every_answer_tells_where_the_events_end(log: Log) -> None:
    await create(log)
    await join(log, WORKER, body=None)
    for seq, call in enumerate((ask(log, wish(1)), grab(log, 1), watch(log, 0)), start=3):
        await call
        last = (await entries_of(log))[-1].position
        log.ends.heard(0, (last.epoch + 1, 1))
        assert log.ends.over() == [last], seq
        log.ends = Ends()


async def test_an_end_tells_it_too(log: Log) -> None:
    await create(log)
    await join(log, WORKER, body=None)
    await ask(log, wish(1))
    [grant] = (await grab(log, 1)).grants
    log.ends = Ends()
    await finish(log, ending(grant))
    log.ends.heard(0, (2, 1))
    assert log.ends.over() == [(await entries_of(log))[-1].position]


async def test_what_is_heard_late_counts_as_well() -> None:
    ends = Ends()
    for place in ((1, 5), (1, 4), (2, 1)):
        ends.heard(0, place)
    assert ends.over() == [at(5)]
    assert ends.turned.is_set()
    ends.turned.clear()
    ends.heard(0, (1, 3))
    assert not ends.turned.is_set()
    ends.heard(0, (1, 9))
    assert (ends.turned.is_set(), ends.over()) == (True, [at(9)])
    for epoch in range(3, 9):
        ends.heard(0, (epoch, epoch))
    assert ends.over() == [at(5, 5), at(6, 6), at(7, 7)]


async def test_a_loss_is_what_is_known_beyond_the_end(log: Log) -> None:
    await shortened(log)
    assert await loss_after(log, at(6)) == Loss(at(6), at(4))
    assert await loss_after(log, at(4)) is None
    assert await loss_after(log, at(3)) is None
    assert [Loss(at(6), at(4)).holds(at(seq)) for seq in (4, 5, 6, 7)] == [False, True, True, False]
    assert Loss(at(6), None).holds(at(1))


async def test_of_an_epoch_of_which_nothing_is_left_the_end_is_what_came_before(log: Log) -> None:
    await grown(log)
    await lose_after(log, 0, 3)
    await open_partition(log, 0, epoch=5, expect_tail=None)
    assert await loss_after(log, at(40, 3)) == Loss(at(40, 3), at(3))


async def test_the_archive_is_asked_for_what_was_trimmed(log: Log) -> None:
    await shortened(log)
    [first, *_] = await entries_from(log, 0, at(1, 2), count=1)
    await ask(log, wish(8), wish(9))
    last = (await entries_from(log, 0, at(2, 2), count=9))[-1].position
    await trim(log, 0, archived=last._replace(seq=last.seq - 1), keep_bytes=0, older_than_ms=-60_000)
    assert (await entries_from(log, 0, at(1), count=1))[0].position == last
    assert await loss_after(log, at(6)) is None  # nobody can tell

    async def archived(known: Position) -> Entry | None:
        assert known == at(6)
        return first

    assert await loss_after(log, at(6), archived) == Loss(at(6), at(4))


async def test_the_event_says_what_was_known_and_where_the_epoch_ended(log: Log) -> None:
    await shortened(log)
    assert await tell(log, Loss(at(6), at(4)), actor="worker") == "done"
    assert await told(log) == [LogTruncated(actor="worker", known_through="0-1-6", ended_at="0-1-4")]


async def test_nothing_is_told_that_was_told_that_is_there_or_that_is_present(log: Log) -> None:
    await shortened(log)
    for seq in (5, 6):
        assert await tell(log, Loss(at(seq), at(4)), actor="api") == "done"
    for seq in (5, 6):
        assert await tell(log, Loss(at(seq), at(4)), actor="api") == "told"
    for seq in (1, 4):
        assert await tell(log, Loss(at(seq), at(1)), actor="api") == "held"
    for epoch in (2, 3):
        assert await tell(log, Loss(at(9, epoch), at(4)), actor="api") == "present"
    assert [event.known_through for event in await told(log)] == ["0-1-5", "0-1-6"]


async def test_three_times_an_epoch_is_enough(log: Log) -> None:
    await shortened(log)
    assert [await tell(log, Loss(at(seq), at(4)), actor="api") for seq in (5, 6, 7, 8)] == ["done"] * 3 + ["told"]


async def test_nothing_is_told_while_an_older_projector_may_be_at_work(log: Log) -> None:
    await shortened(log)
    await say_level(log, 0)
    assert await tell(log, Loss(at(6), at(4)), actor="api") == "older"
    await say_level(log, LEVEL)
    assert await tell(log, Loss(at(6), at(4)), actor="api") == "done"


@pytest.mark.parametrize(
    ("first", "through", "known", "status"),
    [
        ("0-1-5", "0-1-6", 6, "named"),
        ("0-1-5", "0-1-6", 5, "named"),
        ("0-1-5", "0-1-6", 7, "done"),
        ("0-2-1", "0-2-9", 6, "done"),
        ("0-1-5", "odd", 6, "done"),
    ],
)
async def test_what_a_repair_has_kept_is_not_told(log: Log, first: str, through: str, known: int, status: str) -> None:
    """As `fork` leaves it: a stream that begins with the event that names what was dropped."""
    await shortened(log)
    await forks(log, "1-4", first=first, last=through)
    assert (await loss_after(log, at(known)) is None) == (status == "named")
    assert await tell(log, Loss(at(known), at(4)), actor="api") == status


async def test_what_was_kept_by_a_later_repair_is_not_told_either(log: Log) -> None:
    """An old branch went on beside the next epoch, and was dropped when its server came back."""
    await shortened(log)
    [began, *_] = await entries_from(log, 0, at(1, 2), count=1)
    await forks(log, "2-7", first="0-1-5", last="0-1-9", entry="3-1")

    async def archived(known: Position) -> Entry | None:
        del known
        return began

    assert await loss_after(log, at(8), archived) is None
    assert await loss_after(log, at(10), archived) == Loss(at(10), at(4))


@pytest.mark.parametrize("body", ["5", "[]", "no JSON", '{"type":"log.forked","droppedFirst":null,"droppedLast":7}'])
async def test_what_nobody_can_read_after_an_epoch_keeps_nothing(log: Log, body: str) -> None:
    await shortened(log)
    key = log.keys.partition(0, "events")
    await log.execute(key, "UNLINK", key)
    await log.execute(key, "XADD", key, "2-1", "b", body, "p", "1-4", "t", 1)
    assert await loss_after(log, at(6)) == Loss(at(6), at(4))
    assert await tell(log, Loss(at(6), at(4)), actor="api") == "done"


async def forks(log: Log, before: str, *, first: str, last: str, entry: str = "2-1") -> None:
    key = log.keys.partition(0, "events")
    forked = LogForked(epoch=2, server="s", lost=0, repaired=0, dropped=2, dropped_first=first, dropped_last=last)
    await log.execute(key, "UNLINK", key)
    await log.execute(key, "XADD", key, entry, "b", body_of(forked), "p", before, "t", 1)


@asynccontextmanager
async def telling(log: Log, **options: object) -> AsyncGenerator[None]:
    async with asyncio.TaskGroup() as tasks:
        work = tasks.create_task(Losses(log, actor="test", **options).keep())  # type: ignore[arg-type]
        yield
        work.cancel()


async def test_a_process_that_knew_more_tells_it_once_it_hears_of_the_next_epoch(
    log: Log, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(losses, "SPREAD", 0.0)
    done = asyncio.Event()
    before = catalog.LOSSES.series.get((), 0)
    tries: list[Loss] = []

    async def lost(loss: Loss) -> None:
        tries.append(loss)
        if len(tries) == 1:
            raise LogUnavailable("away")
        done.set()

    async with asyncio.timeout(10), telling(log, lost=lost):
        await shortened(log)
        assert log.ends.over() == []
        await watch(log, 0)
        await done.wait()
        await until(lambda: told(log), within=5, what="the event")
        await watch(log, 0)
    assert tries == [Loss(at(6), at(4))] * 2
    assert [event.known_through for event in await told(log)] == ["0-1-6"]
    assert catalog.LOSSES.series[()] == before + 1
    [line] = [record for record in caplog.records if record.levelname == "ERROR"]
    assert (line.message, vars(line)["known_through"], vars(line)["ended_at"]) == (
        "known events lost",
        "0-1-6",
        "0-1-4",
    )


async def test_a_process_that_knew_no_more_says_nothing(
    log: Log, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    seen: list[Position] = []

    async def compare(log: Log, known: Position, following: object) -> Loss | None:
        seen.append(known)
        return await loss_after(log, known)

    async def compared() -> list[Position]:
        return seen

    monkeypatch.setattr(losses, "loss_after", compare)
    async with asyncio.timeout(10), telling(log):
        await shortened(log, seq=6)
        await watch(log, 0)
        await until(compared, within=5, what="the comparison")
    assert (seen, await told(log)) == ([at(6)], [])
    assert "lost" not in caplog.text


async def test_runs_that_were_answered_for_are_kept_by_name(log: Log) -> None:
    await say_lost(log, at(6), ["a", "b"])
    await say_lost(log, at(7), ["c", "b"])
    assert await lost_runs(log, 0) == ["c", "b", "a"]
    assert await lost_runs(log, 0) == ["c", "b", "a"]
