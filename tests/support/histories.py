"""Random valid histories of a partition: what may follow is drawn, and what cannot happen is never drawn."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from typing import Any

import msgspec
from hypothesis import strategies as st

from waterclock.model.definition import Definition
from waterclock.model.events import (
    EpochBegan,
    Event,
    ExecutorSpec,
    FireCoalesced,
    FireSkipped,
    JobChanged,
    JobCreated,
    JobDeleted,
    JobDisabled,
    JobEnabled,
    LogLine,
    LogsCleared,
    NoticesMuted,
    NoticesUnmuted,
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
    StepFinished,
    StepLogged,
    StepProgressed,
    StepStarted,
    WorkerJoined,
    WorkerLeft,
)
from waterclock.model.ids import JobId, MuteId, RunId
from waterclock.model.outcomes import Error
from waterclock.model.places import PlaceSpec
from waterclock.model.positions import Position
from waterclock.model.readmodels.change_types import Change
from waterclock.model.readmodels.changes_by_event import project
from waterclock.model.timestamps import Stamp, stamp
from waterclock.wire.envelope import AT, BODY, PREV, Entry, UnknownEvent, encode_body, read_entry

BEGAN = 1_800_000_000_000
ERROR = Error(type="ValueError", message="no\0t \\u0000 so", traceback='File "x"')


def entries_of(
    events: Iterable[Event], *, partition: int = 0, after: Position | None = None, facts: bytes = b""
) -> list[Entry]:
    """Events as they stand in a stream, one each 7 ms; an EpochBegan opens its epoch."""
    found: list[Entry] = []
    epoch, seq = (after.epoch, after.seq) if after is not None else (1, 0)
    prev = after.entry if after is not None else ""
    for place, event in enumerate(events):
        if isinstance(event, EpochBegan):
            epoch, seq = event.epoch, 0
        seq += 1
        at = BEGAN + (epoch * 1_000_000 + seq) * 7 + place
        fields = {BODY: encode_body(event), PREV: prev.encode(), AT: b"%d" % at}
        prev = f"{epoch}-{seq}"
        found.append(read_entry(partition, prev, fields))
    return found


class _Run:
    def __init__(self, run_id: str, job_id: str | None) -> None:
        self.run_id = RunId(run_id)
        self.job_id = JobId(job_id) if job_id is not None else None
        self.attempt = 0
        self.fence = 0
        self.running = False
        self.ended = False
        self.steps: dict[int, bool] = {}  # number to whether it still runs


class _World:
    """What is true so far; a move appends what happens next."""

    def __init__(self, pick: Callable[[int], int]) -> None:
        self.pick = pick  # an int in [0, n)
        self.events: list[Event] = [EpochBegan(epoch=1, server="s1")]
        self.jobs: dict[str, int] = {}
        self.enabled: set[str] = set()
        self.runs: list[_Run] = []
        self.sessions: list[str] = []
        self.mutes: list[str] = []
        self.epoch = self.fence = 0
        self.made = 0

    def move(self) -> None:
        moves: list[Callable[[], None]] = [self.create_job, self.request_run, self.fleet, self.mute]
        if self.jobs:
            moves += [self.change_job, self.decide, self.clear]
        live = [run for run in self.runs if not run.ended]
        if live:
            moves += [lambda: self.work(live[self.pick(len(live))])] * 8
        moves[self.pick(len(moves))]()

    def now(self) -> Stamp:
        return stamp(BEGAN + len(self.events) * 1000)

    def name(self, kind: str) -> str:
        self.made += 1
        return f"{kind}{self.made}"

    def job(self) -> str:
        return sorted(self.jobs)[self.pick(len(self.jobs))]

    def definition(self) -> Definition:
        return Definition(
            job_name=self.name("job "),
            invoke_target="demo.noop",
            invoke_params={"n": self.made, "text": "a\0b"},
            labels={"team": "x"} if self.pick(2) else {},
        )

    def create_job(self) -> None:
        job = self.name("j")
        self.jobs[job] = 1
        self.events.append(JobCreated(job_id=JobId(job), version=1, definition=self.definition()))

    def change_job(self) -> None:
        job = self.job()
        self.jobs[job] += 1
        given: dict[str, Any] = {"job_id": JobId(job), "version": self.jobs[job]}
        match self.pick(4):
            case 0:
                self.events.append(JobChanged(**given, definition=self.definition()))
            case 1:
                self.events.append(JobDisabled(**given))
            case 2:
                self.events.append(JobEnabled(**given))
            case _:
                del self.jobs[job]
                self.events.append(JobDeleted(**given))

    def mute(self) -> None:
        if self.mutes and self.pick(2):
            mute_id = MuteId(self.mutes[self.pick(len(self.mutes))])
            self.events.append(NoticesUnmuted(mute_id=mute_id, actor="ana", reason="over" if self.pick(2) else None))
            return
        self.mutes.append(self.name("m"))
        whose: dict[str, Any] = {"group": "reports"} if self.pick(2) else {"label": "team=x"}
        if self.jobs and self.pick(2):
            whose = {"job_id": JobId(self.job())}
        mute_id = MuteId(self.mutes[-1])
        self.events.append(NoticesMuted(mute_id=mute_id, until=self.now(), reason="why\0", actor="ana", **whose))

    def decide(self) -> None:
        at = self.now()
        given: dict[str, Any] = {
            "job_id": JobId(self.job()),
            "policy": "3",
            "first": at,
            "last": at,
            "count": 1 + self.pick(9),
            "digest": "d",
            "after": at,
            "through": at,
        }
        if self.pick(2):
            self.events.append(FireSkipped(**given, reason="misfire"))
        else:
            self.events.append(FireCoalesced(**given, into=RunId("r")))

    def clear(self) -> None:
        self.events.append(LogsCleared(job_id=JobId(self.job())))

    def request_run(self) -> None:
        job = self.job() if self.jobs and self.pick(4) else None
        run = _Run(self.name(f"{job or 'free'}-r"), job)
        self.runs.append(run)
        self.events.append(
            RunRequested(
                run_id=run.run_id,
                job_id=run.job_id,
                job_name=job,
                trigger="schedule",
                nominal_at=self.now(),
                invoke_target="demo.noop",
                params={"x": [1, None, {"y": "\0"}]},
                queue="default",
                labels={"k": "v"},
                folded=self.pick(3),
                state="waiting" if self.pick(2) else "queued",
                waiting_on=RunId("other") if self.pick(2) else None,
            )
        )

    def fleet(self) -> None:
        if self.sessions and self.pick(2):
            session = self.sessions.pop()
            self.events.append(WorkerLeft(session=session, reason="lost" if self.pick(2) else "drained"))
            return
        session = self.name("w")
        self.sessions.append(session)
        spec = ExecutorSpec(key=f"e{self.pick(3)}", description=session, params_schema={"type": "object"})
        places = (PlaceSpec(name="default", free=("verify",)),) if self.pick(2) else None
        joined = WorkerJoined(
            worker="w", session=session, queues=("default",), slots=3, executors=(spec,), places=places
        )
        self.events.append(joined)

    def work(self, run: _Run) -> None:
        if not run.running:
            self.start_or_cancel(run)
        elif self.pick(3):
            self.write_step(run)
        else:
            self.end(run)

    def start_or_cancel(self, run: _Run) -> None:
        ids: dict[str, Any] = {"run_id": run.run_id, "job_id": run.job_id}
        if self.pick(5) == 0:
            self.events.append(RunCancelled(**ids))
            run.ended = True
            return
        self.fence += 1
        run.attempt, run.fence, run.running = run.attempt + 1, self.fence, True
        run.steps = {}
        self.events.append(RunStarted(**ids, worker="w", session="s", attempt=run.attempt, fence=run.fence))

    def write_step(self, run: _Run) -> None:
        ids: dict[str, Any] = {"run_id": run.run_id, "job_id": run.job_id, "attempt": run.attempt, "fence": run.fence}
        running = [number for number, runs in run.steps.items() if runs]
        choice = self.pick(4)
        if choice == 1 and running:
            self.events.append(StepProgressed(**ids, number=running[0], done=self.pick(9), total=9.5))
        elif choice == 2 and running:
            run.steps[running[0]] = False
            failed = self.pick(2)
            status = "failed" if failed else "succeeded"
            error = ERROR if failed else None
            self.events.append(StepFinished(**ids, number=running[0], status=status, error=error))
        elif choice == 3:
            lines = tuple(LogLine(at=self.now(), level="info", text=f"line {n} é\n") for n in range(self.pick(4)))
            self.events.append(StepLogged(**ids, number=running[0] if running else None, lines=lines))
        else:
            number = len(run.steps) + 1
            run.steps[number] = True
            self.events.append(StepStarted(**ids, number=number, name=f"step {number}"))

    def end(self, run: _Run) -> None:
        ids: dict[str, Any] = {"run_id": run.run_id, "job_id": run.job_id}
        if self.pick(6) == 0:
            self.events.append(RunCancelRequested(**ids))
            return
        grant: dict[str, Any] = {"attempt": run.attempt, "fence": run.fence}
        endings: list[tuple[Event, bool]] = [
            (RunSucceeded(**ids, **grant, result={"rows": 3} if self.pick(2) else None), True),
            (RunFailed(**ids, **grant, outcome="crashed", error=ERROR), True),
            (RunTimedOut(**ids, **grant, error=ERROR), True),
            (RunRetryScheduled(**ids, **grant, outcome="failed", error=ERROR, ready_at=self.now()), False),
            (RunCancelled(**ids, **grant), True),
            (RunLost(**ids, **grant, reason="leaseExpired" if self.pick(2) else "handedBack"), False),
            (RunDied(**ids, **grant, reason="leaseExpired"), True),
        ]
        event, run.ended = endings[self.pick(len(endings))]
        run.running = False
        self.events.append(event)


@st.composite
def histories(draw: st.DrawFn, *, most: int = 80) -> list[Entry]:
    """The entries of partition 0, from its first; sometimes over two epochs."""
    chances = draw(st.lists(st.integers(0, 2**16), min_size=20, max_size=most * 8))
    chance = iter(chances)

    def pick(options: int) -> int:
        return next(chance, 0) % options

    world = _World(pick)
    for _ in range(draw(st.integers(1, most))):
        world.move()
    events = world.events
    if draw(st.booleans()):
        place = draw(st.integers(1, len(events)))
        events = [*events[:place], EpochBegan(epoch=4, server="s2"), *events[place:]]
    return entries_of(events)


@st.composite
def splits(draw: st.DrawFn, entries: list[Entry]) -> list[list[Entry]]:
    """The same entries as consecutive batches of any sizes."""
    cuts = sorted(draw(st.sets(st.integers(1, max(1, len(entries) - 1)), max_size=12)))
    edges = [0, *(cut for cut in cuts if cut < len(entries)), len(entries)]
    return [entries[start:end] for start, end in itertools.pairwise(edges)]


def changes_of(entries: Iterable[Entry]) -> list[Change]:
    """What entries change, of types that we know."""
    return [
        change
        for entry in entries
        if not isinstance(entry.event, UnknownEvent)
        for change in project(entry.position, entry.at, entry.event)
    ]


def rendered(change: msgspec.Struct) -> dict[str, Any]:
    """A change as JSON has it, named by its kind."""
    return {type(change).__name__: msgspec.json.decode(msgspec.json.encode(change))}
