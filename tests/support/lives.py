"""Random lives of a job, lived by the real rules on a virtual clock: created, edited, disabled, deleted, left alone.

What each instant becomes is written down beside the entries, from the settlements themselves.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple, assert_never

import msgspec
from hypothesis import strategies as st

from waterclock.model.definition import Definition
from waterclock.model.events import FireCoalesced, FireSkipped, RunRequested, RunStarted
from waterclock.model.ids import JobId, RunId
from waterclock.model.instants.fires import owed
from waterclock.model.instants.misfire import (
    Coalesce,
    Fire,
    Settlement,
    Skip,
    policy_of,
    settle,
    settle_edit,
)
from waterclock.model.instants.timetable import bounds_of, schedule_of
from waterclock.model.job import (
    ClearLogs,
    Create,
    Delete,
    Job,
    JobCommand,
    Replace,
    SetStatus,
    decide,
    evolve,
    must_settle,
)
from waterclock.model.positions import Position
from waterclock.model.timestamps import stamp

J = JobId("0123456789abcdef")
SECOND, MINUTE, HOUR, DAY = 1000, 60_000, 3_600_000, 86_400_000
BEGAN = int(datetime.fromisoformat("2026-10-24T20:00:30.250Z").timestamp() * 1000)  # clocks go back that night
BLOCKING = RunId(f"{J}-blocking")


class Told(NamedTuple):
    """An event in its place, as the log would give it."""

    position: Position
    at: int
    event: Any


class Fated(NamedTuple):
    fate: str
    position: str


class Life:
    """One job and its log; `fates` is what was decided of each instant, `idle` the times when none was to be."""

    def __init__(self, now: int = BEGAN) -> None:
        self.now = now
        self.job: Job | None = None
        self.mark = 0
        self.entries: list[Told] = []
        self.fates: dict[int, Fated] = {}
        self.idle: list[tuple[int, int, str, Job]] = []  # (after, through], state, the job as it was

    def tell(self, event: object) -> Position:
        """Append, a moment after the clock was read."""
        position = Position(0, 1, len(self.entries) + 1)
        self.entries.append(Told(position, self.now + len(self.entries) % 5, event))
        return position

    def wait(self, ms: int) -> None:
        self.now += ms

    def decide(self, *, blocked: bool = False) -> None:
        """What the scheduler does when it looks: settle what is due, in units."""
        job = self.job
        if job is None or not job.definition.enabled:
            return
        while self._named(job, self.mark, self.now):
            start_at, end_at = bounds_of(job.definition)
            schedule = schedule_of(J, job.definition)
            assert schedule is not None
            policy = policy_of(job.definition)
            settlement = settle(schedule, mark=self.mark, now=self.now, policy=policy, start_at=start_at, end_at=end_at)
            self._append(job, settlement, blocked=blocked)

    def command(self, command: JobCommand, *, actor: str = "alice", brief: bool = False) -> None:
        """What the API does: settle what the change leaves behind, then append it. `brief`: it bounds the rest only."""
        events = decide(self.job, command, job_id=J)
        began = self.mark
        if self.job is not None and (reason := must_settle(self.job, events)) is not None:
            schedule = schedule_of(J, self.job.definition)
            start_at, end_at = bounds_of(self.job.definition)
            while schedule is not None and self._named(self.job, self.mark, self.now):
                settlement = settle_edit(
                    schedule,
                    mark=self.mark,
                    now=self.now,
                    policy=policy_of(self.job.definition),
                    reason=reason,
                    start_at=start_at,
                    end_at=end_at,
                )
                self._append(self.job, settlement, actor=actor, command_id="c1")
        for event in events:
            self._turn(event, self.mark if brief else began, actor)

    def named(self, after: int, through: int) -> list[int]:
        """The instants in (after, through] that the job as it now stands owes."""
        return [] if self.job is None or not self.job.definition.enabled else self._named(self.job, after, through)

    @staticmethod
    def _named(job: Job, after: int, through: int) -> list[int]:
        schedule = schedule_of(J, job.definition)
        start, end = bounds_of(job.definition)
        found = [] if schedule is None else schedule.between(after, through)
        return [at for at in found if (start is None or at >= start) and (end is None or at <= end)]

    def idle_through(self, moment: int) -> list[tuple[int, int, str, Job]]:
        """The times up to a moment when no instant was to be decided: (after, through], why, the job as it was."""
        if self.job is not None and self.job.definition.enabled:
            return self.idle
        state, job = ("deleted", self._last) if self.job is None else ("disabled", self.job)
        assert job is not None
        return [*self.idle, (self.mark, moment, state, job)]

    def would_be(self, after: int, through: int) -> dict[int, str]:
        """The instants in (after, through] of a job that was not there, or not enabled; and which of it."""
        return {
            instant: state
            for low, high, state, job in self.idle_through(through)
            for instant in self._named(job, max(low, after), min(high, through))
        }

    def _turn(self, event: Any, began: int, actor: str) -> None:
        job, old = evolve(self.job, event), self.job
        settles = old is None or must_settle(old, (event,)) is not None or not old.definition.enabled
        bounds: dict[str, Any] = {}
        if settles:
            through = max(self.mark, self.now)
            bounds = {"after": stamp(min(began, through)), "through": stamp(through)}
            if old is None:
                first = evolve(None, event) or job
                assert first is not None
                state = "deleted" if self.idle else "notYetCreated"
                self.idle.append((self.mark if self.idle else 0, through, state, self._last or first))
            elif not old.definition.enabled:
                self.idle.append((self.mark, through, "disabled", old))
            self.mark = through
        self._last = old or job
        self.job = job
        self.tell(msgspec.structs.replace(event, actor=actor, **bounds))

    _last: Job | None = None

    def _append(self, job: Job, settlement: Settlement, *, blocked: bool = False, **more: Any) -> None:
        before = self.mark
        events = owed(job, settlement, mark=self.mark, **more)
        for place, (decision, one) in enumerate(zip(settlement.decisions, events, strict=True)):
            event = one.event
            if one.otherwise is not None and blocked and place % 2:
                event = _instead(one.otherwise)
            position = self.tell(event)
            fate = Fated(_FATES[type(event)], str(position))
            match decision:
                case Fire(instant=instant):
                    instants = [instant]
                case Skip(first=first, last=last) | Coalesce(first=first, last=last):
                    instants = self._named(job, max(before, first - 1), last)
                case _:
                    assert_never(decision)
            for instant in instants:
                assert instant not in self.fates
                self.fates[instant] = fate
        self.mark = settlement.through


_FATES: dict[type, str] = {RunRequested: "fired", FireSkipped: "skipped", FireCoalesced: "coalesced"}


def _instead(event: FireSkipped | FireCoalesced) -> FireSkipped | FireCoalesced:
    if isinstance(event, FireSkipped):
        return msgspec.structs.replace(event, blocked_by=BLOCKING)
    return msgspec.structs.replace(event, into=BLOCKING)


DEFINITIONS = st.builds(
    Definition,
    job_name=st.just("report"),
    invoke_target=st.just("demo.noop"),
    cron_expression=st.sampled_from(
        ["*/7 * * * *", "0 */3 * * *", "30 2,4 * * *", "*/20 * * * * *", "@every 100s", "H * * * *", None, "@yearly"]
    ),
    timezone=st.sampled_from(["UTC", "Europe/Berlin"]),
    status=st.sampled_from(["0", "0", "0", "0", "0", "1"]),
    misfire_policy=st.sampled_from(["1", "2", "3"]),
    misfire_threshold=st.sampled_from([0, 60, 3600]),
    catchup_window=st.sampled_from([600, 86400]),
    catchup_limit=st.sampled_from([0, 3, 100]),
    concurrent=st.sampled_from(["0", "1"]),
    overlap_policy=st.sampled_from([None, "skip", "buffer_one", "buffer_all", "cancel_other"]),
    start_at=st.sampled_from([None, None, None, None, stamp(BEGAN // HOUR * HOUR + 5 * HOUR)]),
    end_at=st.sampled_from([None, None, None, None, stamp(BEGAN // HOUR * HOUR + 30 * HOUR)]),
    remark=st.sampled_from([None, "slow"]),
)
WAITS = st.one_of(st.integers(0, 3 * MINUTE), st.integers(10 * MINUTE, 6 * HOUR), st.integers(HOUR, 2 * DAY))
TURNS = st.sampled_from(["watch"] * 3 + ["decide"] * 4 + ["edit"] * 2 + ["status"] * 2 + ["remark", "delete", "noise"])


@st.composite
def lives(draw: st.DrawFn) -> Life:
    """A life of a few turns, its clock somewhere after the last."""
    life = Life()
    life.command(Create(job_id=J, definition=draw(DEFINITIONS)))
    for _ in range(draw(st.integers(1, 12))):
        life.wait(draw(WAITS))
        match draw(TURNS):
            case "watch":  # one by one
                for pause in draw(st.lists(st.integers(1, 10 * MINUTE), min_size=1, max_size=8)):
                    life.decide(blocked=draw(st.booleans()))
                    life.wait(pause)
            case "decide":
                life.decide(blocked=draw(st.booleans()))
            case "delete" if life.job is not None and draw(st.booleans()):
                life.command(Delete(), brief=draw(st.booleans()))
            case "noise":
                run_id = RunId(f"{J}-x1")
                life.tell(RunRequested(run_id=run_id, job_id=J, trigger="manual", invoke_target="a", queue="q"))
                life.tell(RunStarted(run_id=run_id, job_id=J, worker="w", session="s", attempt=1, fence=1))
                if life.job is not None:
                    life.command(ClearLogs())
            case _ if life.job is None:
                life.command(Create(job_id=J, definition=draw(DEFINITIONS)))
            case "edit":
                life.command(Replace(definition=draw(DEFINITIONS)), brief=draw(st.booleans()))
            case "status":
                status = "1" if life.job.definition.enabled else "0"
                life.command(SetStatus(status=status, reason="a fair"), brief=draw(st.booleans()))
            case _:
                life.command(Replace(definition=msgspec.structs.replace(life.job.definition, remark=str(life.now))))
    life.wait(draw(WAITS))
    return life
