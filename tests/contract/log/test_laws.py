"""Whatever is done in whatever order, the parts of a partition agree, and its events tell the same story."""

from collections import Counter
from random import Random  # noqa: TID251  a game that its seed repeats

import pytest

from tests.contract.log.build import (
    CANCELLED,
    QUEUES,
    ask,
    change,
    create,
    ending,
    entries_of,
    finish,
    grab,
    mop,
    wish,
)
from waterclock.log.client import Log
from waterclock.log.clock import now
from waterclock.log.commands.aside import announced
from waterclock.log.commands.attempts import SUSPECT_FROM, Grant, promote
from waterclock.log.commands.bodies import body_of
from waterclock.log.commands.idempotency import Command
from waterclock.log.commands.jobs import load_job
from waterclock.log.commands.queues import depths
from waterclock.log.commands.runs import cancel
from waterclock.log.liveness.sessions import join, leave, sessions
from waterclock.log.records import Record, record_of
from waterclock.model.definition import Overlap
from waterclock.model.events import (
    AnyRunEvent,
    RunCancelled,
    RunCancelRequested,
    RunDied,
    RunFailed,
    RunLost,
    RunRequested,
    RunRetryScheduled,
    RunStarted,
    RunSucceeded,
    RunTimedOut,
)
from waterclock.model.ids import JobId, RunId, created_job
from waterclock.wire.keys import STREAMS

JOBS: dict[JobId, Overlap] = {
    created_job(overlap): overlap
    for overlap in ("allow", "skip", "buffer_one", "buffer_all", "cancel_other")  # type: ignore[misc]
}
TARGETS = ("demo.noop", "other", 'odd: "é"')
ENDED = (RunSucceeded, RunFailed, RunTimedOut, RunCancelled, RunDied)


class Play:
    """Random deeds of clients, workers, sweepers and timers.

    `alike`: all workers have all executors, so nothing lies aside, and where a run stands follows from events alone.
    """

    alike = False

    def __init__(self, log: Log, seed: int) -> None:
        self.log = log
        self.chance = Random(seed)
        self.requested = 0
        self.runs: list[RunId] = []
        self.targets: dict[RunId, str] = {}
        self.sessions = {f"s{n}": 0 for n in range(3)}
        self.says: dict[str, tuple[str, ...] | None] = {}  # None: of a release that does not say what it can run
        self.looked = 0
        self.sought: dict[str, str] = {}
        self.held: list[Grant] = []
        self.stale: list[Grant] = []

    async def begin(self) -> None:
        for job_id in JOBS:
            await create(self.log, job_id)
        for session in self.sessions:
            await self.join(session)

    async def join(self, session: str) -> None:
        able = tuple(target for target in TARGETS if self.alike or self.chance.random() < 0.6)
        self.says[session] = None if not self.alike and self.chance.random() < 0.15 else able
        await join(self.log, session, body=None, executors=self.said_by(session))

    def said_by(self, session: str) -> str | None:
        able = self.says[session]
        return None if able is None else announced(able)

    async def deed(self) -> None:
        deeds = {
            self.request: 10,
            self.claim: 8,
            self.end: 8,
            self.retry: 4,
            self.give_back: 2,
            self.end_late: 2,
            self.cancel: 3,
            self.promote: 3,
            self.die: 1,
            self.toggle: 1,
        }
        [chosen] = self.chance.choices(list(deeds), weights=list(deeds.values()))
        await chosen()

    async def request(self) -> None:
        job_id = self.chance.choice(list(JOBS))
        ready_at = await now(self.log, 0) + self.chance.randrange(30) if self.chance.random() < 0.3 else 0
        overlap = JOBS[job_id]
        self.requested += 1
        queue = self.chance.choice(QUEUES).name
        folds = overlap in {"buffer_one", "cancel_other"}
        target = self.chance.choice(TARGETS)
        one = wish(
            self.requested,
            job_id=job_id,
            queue=queue,
            overlap=overlap,
            ready_at=ready_at,
            folds=folds,
            target=target,
        )
        self.runs.append(one.run_id)
        self.targets[one.run_id] = target
        await ask(self.log, one)

    async def claim(self) -> None:
        session = self.chance.choice(list(self.sessions))
        self.sessions[session] += 1
        slots = self.chance.randrange(1, 4)
        claimed = await grab(
            self.log,
            self.sessions[session],
            slots=slots,
            session=session,
            looked=self.looked,
            sought=self.sought.get(session, ""),
        )
        self.looked, self.sought[session] = claimed.looked, claimed.sought
        self.held += claimed.grants
        able = self.says[session]
        if None not in {self.says[one] for one in self.sessions} and able is not None:
            assert {self.targets.get(grant.run_id, TARGETS[0]) for grant in claimed.grants} <= {*able}
            if not claimed.more and len(claimed.grants) < slots:
                await self.check_nothing_is_left_for(able)

    async def check_nothing_is_left_for(self, able: tuple[str, ...]) -> None:
        """Of what is queued and may start now, but suspects."""
        paused = {queue for queue, depth in (await depths(self.log, 0)).queues.items() if depth.paused}
        for run, one in (await records(self.log)).items():
            startable = one.state == "queued" and one.queue not in paused and one.losses < SUSPECT_FROM
            assert not (startable and self.targets.get(RunId(run), TARGETS[0]) in able), (run, one)

    def one_held(self) -> Grant | None:
        return self.held.pop(self.chance.randrange(len(self.held))) if self.held else None

    async def end(self) -> None:
        if grant := self.one_held():
            await finish(self.log, ending(grant, status=self.chance.choice(("succeeded", "failed"))))
            self.stale.append(grant)

    async def retry(self) -> None:
        if grant := self.one_held():
            ready_at = await now(self.log, 0) + self.chance.randrange(-10, 30)
            await finish(self.log, ending(grant, status=None, ready_at=ready_at))
            self.stale.append(grant)

    async def give_back(self) -> None:
        if grant := self.one_held():
            await finish(self.log, ending(grant, back=True))

    async def end_late(self) -> None:
        if self.stale:
            [result] = await finish(self.log, ending(self.chance.choice(self.stale)))
            assert result in {"repeated", "refused"}

    async def cancel(self) -> None:
        if self.runs:
            run_id = self.chance.choice(self.runs)
            body = body_of(RunCancelled(run_id=run_id))
            await cancel(
                self.log,
                run_id,
                command=Command(id=f"stop {run_id} {self.chance.random()}"),
                body_requested=body_of(RunCancelRequested(run_id=run_id)),
                body_cancelled=body,
            )

    async def promote(self) -> None:
        await promote(self.log, 0, body_cancelled=CANCELLED, limit=self.chance.randrange(1, 4))

    async def die(self) -> None:
        """A worker falls silent, is swept, and starts again under another name."""
        session = self.chance.choice(list(self.sessions))
        del self.sessions[session]
        if self.chance.random() < 0.5:
            await leave(self.log, session, body=None)
        while (await mop(self.log, (await sessions(self.log, 0)).get(session, 0), session=session, limit=2)).runs:
            pass
        fresh = f"s{self.chance.randrange(10**9)}"
        self.sessions[fresh] = 0
        await self.join(fresh)
        # what it held is taken from it; its grants are stale now
        lost = await still_running(self.log)
        self.stale += [grant for grant in self.held if (grant.run_id, grant.fence) not in lost]
        self.held = [grant for grant in self.held if (grant.run_id, grant.fence) in lost]

    async def toggle(self) -> None:
        job_id = self.chance.choice(list(JOBS))
        job = await load_job(self.log, job_id)
        assert job is not None
        disabled = job.definition.status == "1"
        await change(self.log, job_id, kind="edit" if disabled else "disable", status="0" if disabled else "1")


async def still_running(log: Log) -> set[tuple[str, int]]:
    return {(run, one.fence) for run, one in (await records(log)).items() if one.state == "running"}


async def records(log: Log) -> dict[str, Record]:
    flat = await ask_for(log, "runs", "HGETALL")
    return {run.decode(): record_of(packed) for run, packed in zip(flat[::2], flat[1::2], strict=True)}


async def members(log: Log, name: str) -> set[str]:
    return {one.decode() for one in await ask_for(log, name, "ZRANGE", 0, -1)}


async def ask_for(log: Log, name: str, command: str, *words: int) -> list[bytes]:
    key = log.keys.partition(0, name)
    return await log.execute(key, command, key, *words)


async def check_parts_agree(log: Log) -> None:
    known = await records(log)
    assert {one.decode() for one in await ask_for(log, "specs", "HKEYS")} == set(known)
    assert await members(log, "active") == {run for run, one in known.items() if one.job_id}
    running = {f"{one.session}:{run}" for run, one in known.items() if one.state == "running"}
    assert await members(log, "held") == running
    assert await members(log, "delayed") == {run for run, one in known.items() if one.state == "delayed"}
    waiting = {member.rpartition(":")[2] for member in await members(log, "waiting")}
    assert waiting == {run for run, one in known.items() if one.state == "waiting"}
    queued: dict[tuple[str, str, str], str] = {}
    for queue in QUEUES:
        for place in STREAMS:
            key = log.keys.partition(0, f"{place}:{queue.name}")
            for entry, (_, run) in await log.execute(key, "XRANGE", key, "-", "+"):
                queued[queue.name, place, entry.decode()] = run.decode()
    streamed = {run: one for run, one in known.items() if one.state == "queued" and not one.aside}
    assert queued == {(one.queue, one.place, one.entry): run for run, one in streamed.items()}
    assert await members(log, "aside") == {one.aside for one in known.values() if one.aside}
    assert all((one.place, one.entry, one.state) == ("", "", "queued") for one in known.values() if one.aside)
    standing = Counter(one.job_id for one in known.values() if one.serial and one.state != "waiting")
    assert all(count == 1 for count in standing.values()), standing
    held_up = {one.job_id for one in known.values() if one.state == "waiting"}
    assert held_up <= set(standing), "a run waits behind nothing"


async def check_story(log: Log) -> None:
    """Per run: requested once, attempts in turn with growing fences, one terminal event, and nothing after it."""
    known = await records(log)
    stories: dict[str, list[AnyRunEvent]] = {}
    for entry in await entries_of(log):
        event = entry.event
        if isinstance(event, AnyRunEvent):
            stories.setdefault(event.run_id, []).append(event)
    for run, story in stories.items():
        assert isinstance(story[0], RunRequested)
        assert not any(isinstance(event, RunRequested) for event in story[1:])
        check_attempts(story)
        over = [isinstance(event, ENDED) for event in story]
        assert not any(over[:-1])
        assert over[-1] == (run not in known)
    assert set(known) <= set(stories)


def check_attempts(story: list[AnyRunEvent]) -> None:
    attempt, fence, running = 0, 0, False
    for event in story:
        match event:
            case RunStarted():
                assert not running
                assert (event.attempt, event.fence > fence) == (attempt + 1, True)
                attempt, fence, running = event.attempt, event.fence, True
            case RunSucceeded() | RunFailed() | RunRetryScheduled() | RunLost() | RunDied():
                assert running
                assert (event.attempt, event.fence) == (attempt, fence)
                running = False
            case RunCancelled():
                assert (event.attempt, event.fence) == ((attempt, fence) if running else (0, 0))
                running = False
            case _:
                pass


@pytest.mark.parametrize("seed", range(3))
async def test_a_partition_agrees_with_itself_after_anything(log: Log, seed: int) -> None:
    play = Play(log, seed)
    await play.begin()
    for step in range(300):
        await play.deed()
        if step % 10 == 0:
            await check_parts_agree(log)
    await check_parts_agree(log)
    await check_story(log)
