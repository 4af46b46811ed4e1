"""The log's server comes back with less than the archive knows: what it held is put back, and everything goes on."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.contract.log import build
from tests.contract.log.recovery.test_repair import TellingPlay
from tests.contract.log.test_laws import Play, check_parts_agree
from tests.integration.stage import Stage, append, eventually, staged, work
from tests.support import damage, proofs
from tests.support.held import Held, held
from tests.support.servers import OwnValkey
from waterclock.kit.clock import SystemClock
from waterclock.log import tail
from waterclock.log.client import Log, LogSettings
from waterclock.log.commands.idempotency import Command, Replayed
from waterclock.log.commands.jobs import load_job
from waterclock.log.commands.names import NameTaken, reserve_name
from waterclock.log.commands.queues import set_paused
from waterclock.log.commands.requests import request
from waterclock.log.connection.errors import LogUnavailable
from waterclock.log.gates import gate_of
from waterclock.log.liveness.sessions import sessions
from waterclock.log.recovery import opening
from waterclock.log.topology.routing import Routing
from waterclock.model.events import LogForked, QueuePaused, RunCancelled, RunLost, StepStarted
from waterclock.model.ids import JobId, created_job
from waterclock.model.positions import Position, at_entry
from waterclock.store import retention
from waterclock.store.connection.pool import connect_anew
from waterclock.store.readmodels.rebuild import compare
from waterclock_api.consistency import open_partition as api_opening
from waterclock_api.consistency import sole_server
from waterclock_dev.servers.server import Server
from waterclock_dev.servers.valkey import Valkey


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two looks at what may have been superseded follow each other soon."""
    monkeypatch.setattr(sole_server, "APART", 0.1)


class Installation:
    """A log that can be hurt, and a projector that follows it."""

    def __init__(self, stage: Stage, server: Server[Valkey]) -> None:
        self.stage = stage
        self.server = server

    @property
    def log(self) -> Log:
        return self.stage.log

    @property
    def data(self) -> Path:
        return self.server.program.data

    async def comes_back(self, hurt: Callable[[], None]) -> None:
        """The server crashes, is hurt, and starts again; return when the projector follows it."""
        await self.server.kill()
        await self.stage.reasons.get()
        self.stage.ready.clear()
        hurt()
        await self.server.start()
        await self.stage.ready.wait()
        await eventually(lambda: answers(self.log))

    async def forked(self, partition: int = 0) -> LogForked:
        """What was said of the last repair."""
        await self.stage.projected()
        events = [entry.event for entry in await self.stage.archived(partition)]
        return [event for event in events if isinstance(event, LogForked)][-1]

    async def assert_true_to_itself(self, partition: int = 0) -> None:
        """No place, fence or run occurs twice, and the read models are those of the archive."""
        await self.stage.projected()
        archived = await self.stage.archived(partition)
        streamed = await tail.read(
            self.log, partition, await before_first(self.log, partition), count=100_000, block=None, archive=None
        )
        faults = [*proofs.chain(archived), *proofs.alike(archived, streamed), *proofs.attempts_are_told_apart(archived)]
        unended = ("has not ended", "was live")
        assert [fault for fault in faults if not any(word in fault for word in unended)] == []
        ends = [fault for fault in proofs.runs_end_once(archived) if "has not ended" not in fault]
        assert ends == []
        async with await connect_anew(self.stage.pool) as connection:
            assert await compare(connection) == []


@asynccontextmanager
async def installed(
    own_valkey: OwnValkey, prefix: str, postgres_url: str, *, partitions: int = 1
) -> AsyncGenerator[Installation]:
    server = await own_valkey()
    async with staged(server.url, prefix, postgres_url, partitions) as stage, stage.projecting():
        await stage.ready.wait()
        yield Installation(stage, server)


async def before_first(log: Log, partition: int) -> Position | None:
    (entry,) = await tail.entries_from(log, partition, Position(partition, 0, 1), count=1)
    return at_entry(partition, entry.prev) if entry.prev else None


def nothing_of_it() -> None:
    return


async def lost_nothing(log: Log, partition: int) -> int:
    return 0


def same(before: Held, after: Held) -> None:
    """What may differ: answers to commands that changed nothing; and what is due already."""
    assert after.jobs == before.jobs
    assert after.marks == before.marks
    assert after.successes == before.successes
    assert after.runs == before.runs
    assert after.specs == before.specs
    assert after.active == before.active
    assert after.waiting == before.waiting
    assert after.ended == before.ended
    assert after.paused == before.paused
    told = {name: answer for name, answer in before.answers.items() if not name.startswith("!refused ")}
    again = {name: answer for name, answer in after.answers.items() if not name.startswith("!refused ")}
    assert again.items() <= told.items()
    assert all("stop" in name or "pause" in name for name in told.keys() - again.keys())
    assert before.answers.keys() - told.keys() == after.answers.keys() - again.keys()


@pytest.mark.parametrize("seed", range(2))
async def test_a_log_that_lost_everything_holds_again_what_it_held(
    own_valkey: OwnValkey, key_prefix: str, migrated_postgres_url: str, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api_opening, "return_attempts", lost_nothing)
    async with installed(own_valkey, key_prefix, migrated_postgres_url) as one:
        play = TellingPlay(one.log, seed)
        await play.begin()
        for _ in range(250):
            await play.deed()
        archived = await one.stage.projected()
        before = await held(one.log)

        await one.comes_back(lambda: damage.empty(one.data))

        same(before, await held(one.log))
        forked = await one.forked()
        assert (forked.lost, forked.dropped, forked.common) == (archived.seq, 0, None)
        assert forked.repaired == len(before.jobs) + len(before.runs)
        await one.assert_true_to_itself()


async def test_work_goes_on_after_the_log_lost_everything(
    own_valkey: OwnValkey, key_prefix: str, migrated_postgres_url: str
) -> None:
    async with installed(own_valkey, key_prefix, migrated_postgres_url) as one:
        play = Play(one.log, 4)
        await play.begin()
        for _ in range(2):
            for _ in range(100):
                await play.deed()
            await one.stage.projected()
            running = [run for run, record in (await held(one.log)).runs.items() if record.state == "running"]

            await one.comes_back(lambda: damage.empty(one.data))

            await check_parts_agree(one.log)
            left = await held(one.log)
            assert all(run in left.ended or left.runs[run].place == "again" for run in running)
            play.stale += play.held
            play.held = []
            await begin_again(play)
        for _ in range(100):
            await play.deed()
        await check_parts_agree(one.log)
        await one.assert_true_to_itself()


async def begin_again(play: Play) -> None:
    """Workers find their sessions gone, and open others."""
    play.sessions.clear()
    for number in range(3):
        session = f"again-{number}-{play.chance.random()}"
        await play.join(session)
        play.sessions[session] = 0


async def test_an_older_copy_is_brought_to_where_the_archive_is(
    own_valkey: OwnValkey, key_prefix: str, migrated_postgres_url: str, tmp_path: Path
) -> None:
    async with installed(own_valkey, key_prefix, migrated_postgres_url) as one:
        await build.create(one.log, overlap_policy="buffer_all")
        await work(one.log, 1, 2)
        common = await one.stage.projected()
        damage.copy(one.data, tmp_path / "copy")
        await work(one.log, 3)
        await build.ask(one.log, build.wish(4))
        await build.change(one.log, kind="edit", remark="later")
        archived = await one.stage.projected()
        mark = (await held(one.log)).marks[build.J]

        await one.comes_back(lambda: damage.restore(one.data, tmp_path / "copy"))

        forked = await one.forked()
        assert forked.common == str(common)
        assert (forked.lost, forked.dropped) == (archived.seq - common.seq, 0)
        after = await held(one.log)
        assert after.marks == {build.J: mark}
        assert (after.runs.keys(), after.jobs[build.J][0]) == ({build.run_of(4)}, 2)
        assert set(after.ended) == {build.run_of(number) for number in (1, 2, 3)}
        await build.ask(one.log, build.wish(3))  # has ended: nothing is requested
        await work(one.log, 5)  # whose worker finds the run that waited
        assert (await held(one.log)).runs.keys() == {build.run_of(5)}
        await one.assert_true_to_itself()


async def test_the_lost_end_of_a_file_is_made_good_and_what_the_archive_lacks_is_gone(
    own_valkey: OwnValkey, key_prefix: str, migrated_postgres_url: str
) -> None:
    async with installed(own_valkey, key_prefix, migrated_postgres_url) as one:
        await build.create(one.log)
        size, common = damage.size(one.data), await one.stage.projected()
        await work(one.log, 1)
        archived = await one.stage.projected()

        await one.comes_back(lambda: damage.cut(one.data, size + 5))

        forked = await one.forked()
        assert (forked.common, forked.lost) == (str(common), archived.seq - common.seq)
        assert set((await held(one.log)).ended) == {build.run_of(1)}
        await one.assert_true_to_itself()


async def test_entries_that_only_an_old_branch_knows_are_dropped_and_named(
    own_valkey: OwnValkey,
    key_prefix: str,
    migrated_postgres_url: str,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    server = await own_valkey()
    async with staged(server.url, key_prefix, migrated_postgres_url) as stage:
        one = Installation(stage, server)
        async with stage.projecting():
            await stage.ready.wait()
            await build.create(one.log)
            common = await stage.projected()
            damage.copy(one.data, tmp_path / "copy")
            await work(one.log, 1)
            archived = await stage.projected()
        await restarted(one, lambda: damage.restore(one.data, tmp_path / "copy"))
        event = StepStarted(run_id=build.run_of(9), attempt=1, fence=1, number=1, name="unseen")
        await append(stage, [event, event])  # as a server goes on that was cut off

        async with stage.projecting():
            await stage.ready.wait()

            forked = await one.forked()
            assert (forked.common, forked.lost, forked.dropped) == (str(common), archived.seq - common.seq, 2)
            assert forked.dropped_first == f"0-1-{common.seq + 1}"
            assert forked.dropped_last == f"0-1-{common.seq + 2}"
            named = [r.__dict__["event"] for r in caplog.records if r.message.startswith("event dropped")]
            assert named == [f"{forked.dropped_last} step.started", f"{forked.dropped_first} step.started"]
            await one.assert_true_to_itself()


async def restarted(one: Installation, hurt: Callable[[], None]) -> None:
    """The server crashes and comes back hurt, while nobody looks."""
    await one.server.kill()
    one.stage.ready.clear()
    hurt()
    await one.server.start()
    await eventually(lambda: answers(one.log))


async def answers(log: Log) -> bool:
    """Whether no connection leads to the process before any more."""
    try:
        await sessions(log, 0)
        return (await gate_of(log, 0)).run_id != ""
    except LogUnavailable:
        return False


async def test_a_stream_that_has_nothing_in_common_with_the_archive_is_left_alone(
    own_valkey: OwnValkey, key_prefix: str, migrated_postgres_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    server = await own_valkey()
    async with staged(server.url, key_prefix, migrated_postgres_url) as stage:
        one = Installation(stage, server)
        async with stage.projecting():
            await stage.ready.wait()
            await build.create(one.log)
            await stage.projected()
        await restarted(one, lambda: damage.empty(one.data))
        settings = LogSettings(url=server.url, prefix=key_prefix)
        await opening.initialise(settings, partitions=1, queues=build.QUEUES)
        await build.open_all(one.log, epoch=1)
        await build.create(one.log, created_job("a job of others"))
        theirs = await held(one.log)
        await restarted(one, nothing_of_it)

        async with stage.projecting():
            await eventually(lambda: logged(caplog, "projection stopped"))

        assert await held(one.log) == theirs
        assert not stage.ready.is_set()


async def logged(caplog: pytest.LogCaptureFixture, message: str) -> bool:
    return any(record.message == message for record in caplog.records)


async def test_a_projector_may_die_anywhere_in_a_repair(
    own_valkey: OwnValkey, key_prefix: str, migrated_postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = await own_valkey()
    async with staged(server.url, key_prefix, migrated_postgres_url) as stage:
        one = Installation(stage, server)
        async with stage.projecting():
            await stage.ready.wait()
            play = Play(one.log, 3)
            await play.begin()
            for _ in range(80):
                await play.deed()
            while not any(
                one.state == "running" and not one.cancel_requested for one in (await held(play.log)).runs.values()
            ):
                await play.deed()
            archived = await stage.projected()
            before = await held(one.log)
        await restarted(one, lambda: damage.empty(one.data))

        died = 0
        while not await opens(one, dies_at=died, monkeypatch=monkeypatch):
            died += 1

        assert died > len(("begin", "names", "jobs", "runs", "remember", "fork"))
        running = {run for run, record in before.runs.items() if record.state == "running"}
        await check_parts_agree(one.log)
        async with stage.projecting():
            await stage.ready.wait()
            forked = await one.forked()
            assert forked.lost == archived.seq
            await stage.projected()
            events = [entry.event for entry in await stage.archived()]
            assert [event for event in events if isinstance(event, LogForked)] == [forked]
            told = events[events.index(forked) :]
            lost = {event.run_id for event in told if isinstance(event, RunLost) and event.reason == "storeLost"}
            stopped = {event.run_id for event in told if isinstance(event, RunCancelled)}  # that was asked before
            assert lost
            assert lost | stopped == running
            assert (await held(one.log)).jobs == before.jobs
            await one.assert_true_to_itself()


async def opens(one: Installation, *, dies_at: int, monkeypatch: pytest.MonkeyPatch) -> bool:
    """A projector starts, and its call of that number is its last: executed, but nobody hears the answer."""
    calls = 0
    real = Routing.carry  # every command passes here

    async def call(routing: Routing, key: str, send: Callable[[Any], Awaitable[Any]], *, control: bool) -> Any:
        nonlocal calls
        answer = await real(routing, key, send, control=control)
        calls += 1
        if calls > dies_at:
            raise LogUnavailable("the projector was killed")
        return answer

    async with await connect_anew(one.stage.pool) as connection:
        with monkeypatch.context() as patch:
            patch.setattr(Routing, "carry", call)
            try:
                await api_opening.ensure_open(one.log, connection, 0)
            except LogUnavailable:
                return False
    return True


async def test_keys_names_and_pauses_outlive_the_log(
    own_valkey: OwnValkey, key_prefix: str, migrated_postgres_url: str
) -> None:
    async with installed(own_valkey, key_prefix, migrated_postgres_url, partitions=2) as one:
        other = next(made for n in range(9) if one.log.partition_of(made := created_job(str(n))) == 1)
        for job_id in (build.J, other):
            await build.create(one.log, job_id)
        key = Command(id="a client's key", fingerprint="what it asked", client=True)
        asked = build.wish(1, job_id=other, command_id=key.id)
        first = await request(one.log, asked, command=key)
        command = Command(id="pause")
        await set_paused(one.log, command=command, event=QueuePaused(queue="low", command_id=command.id))
        await one.stage.projected()

        await one.comes_back(lambda: damage.empty(one.data))

        again = await request(one.log, asked, command=key)
        assert isinstance(again, Replayed)
        assert (again.answer.position, again.answer.run_id) == (first.position, asked.run_id)  # type: ignore[union-attr]
        assert isinstance(await reserve_name(one.log, "DEFAULT", "report", JobId("third"), "c"), NameTaken)
        for partition in range(2):
            assert (await held(one.log, partition)).paused.keys() == {"low"}
            await one.assert_true_to_itself(partition)
        assert await load_job(one.log, other) is not None


async def test_a_log_is_repaired_from_what_is_kept_of_the_archive(
    own_valkey: OwnValkey, key_prefix: str, migrated_postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All events are of a month that was dropped, but for what is needed."""
    monkeypatch.setattr(api_opening, "return_attempts", lost_nothing)
    async with installed(own_valkey, key_prefix, migrated_postgres_url) as one:
        play = TellingPlay(one.log, 7)
        await play.begin()
        for _ in range(200):
            await play.deed()
        archived = await one.stage.projected()
        before = await held(one.log)
        ((events,),) = await one.stage.rows("SELECT count(*) FROM events")
        async with await connect_anew(one.stage.pool) as connection:
            assert await retention.take(connection)
            keep = retention.Keep(events=timedelta(days=30))
            await retention.forget(connection, keep, SystemClock().now_ms() + 100 * 86_400_000)
            assert await compare(connection) == []
        ((kept,),) = await one.stage.rows("SELECT count(*) FROM events")
        assert 0 < kept < events

        await one.comes_back(lambda: damage.empty(one.data))

        after = await held(one.log)
        for name in ("jobs", "marks", "runs", "specs", "active", "waiting", "paused"):
            assert getattr(after, name) == getattr(before, name), name
        assert (await one.forked()).common is None
        assert archived.seq == events
