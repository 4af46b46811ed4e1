"""One seed, one history of a log as a notifier sees it: events, readings of clocks, holes, changes of its rules.

It is lawful where the log is (a run that is barred does not start), and odd where the log may be: clocks step, ends
come out of order, entries are told twice, months are lost.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from random import Random  # noqa: TID251  a history is repeated from its seed
from typing import Any, cast

import msgspec
from msgspec.structs import replace

from waterclock.model.definition import Definition
from waterclock.model.events import (
    EpochBegan,
    FireCoalesced,
    FireSkipped,
    JobChanged,
    JobCreated,
    JobDeleted,
    JobDisabled,
    JobEnabled,
    RunCancelled,
    RunDied,
    RunFailed,
    RunLost,
    RunRequested,
    RunRetryScheduled,
    RunStarted,
    RunSucceeded,
    RunTimedOut,
    SkipReason,
    StoredEvent,
    Trigger,
)
from waterclock.model.ids import JobId, RunId, partition_of
from waterclock.model.notices.inputs import (
    Hole,
    Input,
    JobNow,
    Passed,
    Reading,
    RunNow,
    Seen,
    Snapshot,
    Unread,
)
from waterclock.model.notices.kinds import KINDS
from waterclock.model.notices.rules import Match, NoticeRules, Rule
from waterclock.model.outcomes import Error, RunStatus
from waterclock.model.positions import Position
from waterclock.model.promise import Promise
from waterclock.model.timestamps import millis, stamp

PARTITIONS = 2
BREAKER = "breaker"
BEGINNINGS = (
    "2026-05-05T11:58:40.000Z",
    "2026-03-28T22:40:00.000Z",  # before a night without 02:30 in Berlin
    "2026-10-24T22:10:00.000Z",  # before one that has it twice
)
ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe")
ERROR = Error(type="KeyError", message="'SHOP_DSN'")
_DIGEST = "0" * 16


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """What comes next. `hidden`: an entry that nobody has, and that the notifier is not given; `rules`: these now."""

    given: Input | None = None
    hidden: bool = False
    rules: NoticeRules | None = None


class LiveJob(msgspec.Struct, kw_only=True):
    job_id: JobId
    definition: Definition
    version: int
    defined: Position
    changed: Position
    quiet_since: int
    barred: Position | None = None
    fired: int = 0  # the last instant


class LiveRun(msgspec.Struct, kw_only=True):
    run_id: RunId
    job_id: JobId | None
    definition: Definition | None
    defined: Position | None
    trigger: Trigger
    requested: Position
    requested_at: int
    seen: bool  # its request was
    nominal: int | None
    labels: dict[str, str]
    barred: bool = False
    started: bool = False
    attempt: int = 0
    attempt_at: int | None = None


class World:
    def __init__(self, seed: int) -> None:
        self.chance = Random(seed)
        self.now = millis(cast("Any", self.chance.choice(BEGINNINGS)))
        self.offset = 0
        self.steps: list[Step] = []
        self.rules = self.drawn_rules()
        self.first_rules = self.rules
        self.jobs: dict[JobId, LiveJob] = {}
        self.runs: dict[RunId, LiveRun] = {}
        self.last = [Position(partition, 1, 0) for partition in range(PARTITIONS)]
        self.known = list(self.last)
        self.hiding: set[int] = set()
        self.looked: dict[int, tuple[int, int]] = {}
        self.made = 0
        self.slow = self.chance.random() < 0.3
        self.calm = self.chance.random() < 0.3
        self.succeeding = self.chance.choice((0.1, 0.35, 0.35))

    def play(self) -> World:
        if self.chance.random() < 0.2:
            self.hiding |= set(range(PARTITIONS))
        for _ in range(2):
            self.create()
        for _ in range(self.chance.randint(15, 90)):
            self.wait()
            self.deed()
        for partition in sorted(self.hiding):
            self.reveal(partition)
        self.now += 4 * 3_600_000
        for partition in range(PARTITIONS):
            self.read(partition)
        return self

    @property
    def clock(self) -> int:
        return self.now + self.offset

    def wait(self) -> None:
        """Often to a whole minute, for that is when deadlines are due."""
        exact = -self.clock % 60_000
        lengths = (0, 0, 900, 20_000, exact, exact, exact + 1, exact + 240_000, 200_000, 600_000)
        self.now += self.chance.choice(lengths + (() if self.slow else (3_600_000,)))

    def watching(self, seen: Iterable[Seen]) -> Iterator[Step]:
        """What others wrote, of jobs that promise something, with readings of the clock between."""
        for one in seen:
            event = one.event
            if isinstance(event, JobCreated | JobChanged):
                promise = self.drawn().promise
                event = replace(event, definition=replace(event.definition, promise=promise))
            yield Step(given=replace(one, event=event))
            if self.chance.random() < 0.2:
                clock = one.at + self.chance.choice((0, 0, 500, 30_000))
                yield Step(given=Reading(clock=clock, last=one.position, partitions=1))

    def deed(self) -> None:
        deeds = (
            *("fire",) * 6,
            *("go",) * 18,
            *("read",) * 6,
            *("skip", "manual", "edit", "catchup", "disable", "enable"),
            *(
                ()
                if self.calm
                else ("delete", "create", "alone", "step", "epoch", "leap", "leap", "rules", "unread", "hide", "again")
            ),
        )
        getattr(self, f"do_{self.chance.choice(deeds)}")()

    # --- what happens ---

    def do_create(self) -> None:
        if len(self.jobs) < 4:
            self.create()

    def create(self) -> None:
        self.made += 1
        job_id = JobId(f"j{self.made}{self.chance.randint(0, 99)}")
        definition = self.drawn()
        position = self.add(job_id, JobCreated(job_id=job_id, version=1, definition=definition))
        self.jobs[job_id] = LiveJob(
            job_id=job_id,
            definition=definition,
            version=1,
            defined=position,
            changed=position,
            quiet_since=self.clock,
        )

    def do_edit(self) -> None:
        if (job := self.some_job()) is None:
            return
        status = job.definition.status if self.chance.random() < 0.8 else self.chance.choice(("0", "1"))
        definition = replace(self.drawn(), status=status)
        if self.chance.random() < 0.4:
            definition = replace(definition, promise=job.definition.promise)
        job.version += 1
        event = JobChanged(job_id=job.job_id, version=job.version, definition=definition)
        position = self.add(job.job_id, event)
        if job.definition.enabled and not definition.enabled:
            self.bar(job, position)
        job.definition, job.defined, job.changed, job.quiet_since = definition, position, position, self.clock

    def do_disable(self) -> None:
        if (job := self.some_job(enabled=True)) is None:
            return
        job.version += 1
        actor = self.chance.choice((BREAKER, f"{BREAKER}@10.0.0.1", "alice@10.0.0.1", "breaker-of-things"))
        position = self.add(job.job_id, JobDisabled(job_id=job.job_id, version=job.version, actor=actor))
        job.definition = replace(job.definition, status="1")
        self.bar(job, position)

    def do_enable(self) -> None:
        if (job := self.some_job(enabled=False)) is None:
            return
        job.version += 1
        job.changed = self.add(job.job_id, JobEnabled(job_id=job.job_id, version=job.version))
        job.definition = replace(job.definition, status="0")
        job.quiet_since = self.clock

    def do_delete(self) -> None:
        if self.chance.random() < 0.4 and (job := self.some_job()) is not None:
            self.bar(job, self.add(job.job_id, JobDeleted(job_id=job.job_id, version=job.version + 1)))
            del self.jobs[job.job_id]

    def do_fire(self) -> None:
        if (job := self.some_job(enabled=True)) is not None:
            nominal = max(job.fired + 60_000, (self.clock - self.chance.choice((0, 0, 30_000))) // 60_000 * 60_000)
            job.fired = nominal
            self.request(job, "schedule", nominal)

    def do_catchup(self) -> None:
        if (job := self.some_job(enabled=True)) is None:
            return
        self.now += 1  # two of a job in one millisecond would be one subject
        back = self.chance.choice((120_000, 900_000, 7_200_000))
        first = (self.clock - back) // 60_000 * 60_000
        for place in range(self.chance.randint(1, 4)):
            self.request(job, "catchup", first + place * 60_000)

    def do_manual(self) -> None:
        if (job := self.some_job()) is not None:
            trigger: Trigger = self.chance.choice(("manual", "backfill", "retry"))
            self.request(job, trigger, self.clock // 60_000 * 60_000 if trigger == "backfill" else None)

    def do_alone(self) -> None:
        self.request(None, self.chance.choice(("manual", "retry")), None)

    def request(self, job: LiveJob | None, trigger: Trigger, nominal: int | None) -> None:
        self.made += 1
        stem = job.job_id if job is not None else f"s{self.made}"
        run_id = RunId(f"{stem}-r{self.made}")
        labels = {"tier": self.chance.choice(("gold", "tin"))} if job is None else job.definition.labels
        event = RunRequested(
            run_id=run_id,
            job_id=None if job is None else job.job_id,
            job_name=None if job is None else job.definition.job_name,
            job_group=None if job is None else job.definition.job_group,
            trigger=trigger,
            nominal_at=None if nominal is None else stamp(nominal),
            invoke_target="demo.noop",
            queue="default",
            labels=labels,
        )
        position = self.add(stem, event)
        self.runs[run_id] = LiveRun(
            run_id=run_id,
            job_id=event.job_id,
            definition=None if job is None else job.definition,
            defined=None if job is None else job.defined,
            trigger=trigger,
            requested=position,
            requested_at=self.clock,
            seen=position.partition not in self.hiding,
            nominal=nominal,
            labels=labels,
        )

    def do_skip(self) -> None:
        if (job := self.some_job(enabled=True)) is None:
            return
        reasons: tuple[SkipReason, ...] = ("misfire", "overflow", "window", "overlap", "edited", "disabled", "deleted")
        count = self.chance.choice((1, 1, 3))
        last = self.clock // 60_000 * 60_000
        members: dict[str, Any] = {
            "job_id": job.job_id,
            "first": stamp(last - (count - 1) * 60_000),
            "last": stamp(last),
            "count": count,
            "digest": _DIGEST,
            "after": stamp(last - count * 60_000),
            "through": stamp(last),
        }
        if self.chance.random() < 0.2:
            self.add(job.job_id, FireCoalesced(**members))
        else:
            self.add(job.job_id, FireSkipped(reason=self.chance.choice(reasons), **members))

    def do_go(self) -> None:
        """Some run goes a step further."""
        if not self.runs:
            return
        run = self.runs[self.chance.choice(sorted(self.runs))]
        if run.attempt_at is None or (self.chance.random() < 0.02 and not run.barred):  # nobody heard how it ended
            self.begin(run)
        else:
            self.end_attempt(run)

    def begin(self, run: LiveRun) -> None:
        if run.barred:
            gone = run.job_id not in self.jobs
            self.end(run, self.about(run, RunCancelled, reason="jobDeleted" if gone else "jobDisabled"))
            return
        chosen = self.chance.random()
        if chosen < 0.08:
            self.end(run, self.about(run, RunCancelled, reason=self.chance.choice(("requested", "replaced"))))
        elif chosen < 0.1:
            self.end(run, self.about(run, RunDied, reason="storeLost", attempt=0, fence=0))
        else:
            run.attempt += 1
            run.started, run.attempt_at = True, self.clock
            self.add(run.run_id, self.about(run, RunStarted, worker="w", session="w.1", attempt=run.attempt, fence=7))

    def end_attempt(self, run: LiveRun) -> None:
        told: dict[str, Any] = {"attempt": run.attempt, "fence": 7}
        chosen = self.chance.random()
        if chosen < self.succeeding:
            self.end(run, self.about(run, RunSucceeded, **told))
        elif chosen < 0.6:
            self.end(run, self.about(run, RunFailed, outcome="failed", error=ERROR, **told))
        elif chosen < 0.68:
            self.end(run, self.about(run, RunTimedOut, error=ERROR, **told))
        elif chosen < 0.72:
            self.end(run, self.about(run, RunDied, reason="leaseExpired", **told))
        elif chosen < 0.78:
            self.end(run, self.about(run, RunCancelled, reason="requested", **told))
        elif chosen < 0.82 and not self.calm:
            status: RunStatus = self.chance.choice(("succeeded", "failed", "cancelled"))
            self.end(run, None, status)
        elif run.barred:
            self.end(run, self.about(run, RunCancelled, reason="jobDisabled", **told))
        else:
            run.attempt_at = None
            later = stamp(self.clock + 10_000)
            again = self.about(run, RunRetryScheduled, outcome="failed", error=ERROR, ready_at=later, **told)
            lost = self.about(run, RunLost, reason=self.chance.choice(("leaseExpired", "handedBack")), **told)
            self.add(run.run_id, self.chance.choice((again, lost)))

    def end(self, run: LiveRun, event: StoredEvent | None, status: RunStatus | None = None) -> None:
        """`event` None: nobody can read it."""
        del self.runs[run.run_id]
        if event is not None:
            self.add(run.run_id, event)
        else:
            self.add_unread(run.run_id, run.job_id, run.run_id, status)
        job = None if run.job_id is None else self.jobs.get(run.job_id)
        well = isinstance(event, RunSucceeded) or status == "succeeded"
        if job is not None and well and run.trigger != "backfill":
            job.quiet_since = self.clock

    def do_unread(self) -> None:
        job = self.some_job()
        if job is not None and self.chance.random() < 0.7:
            self.add_unread(job.job_id, job.job_id, None, None)
        else:
            self.add_unread("nobody", None, None, None)

    def do_epoch(self) -> None:
        partition = self.chance.randrange(PARTITIONS)
        self.last[partition] = Position(partition, self.last[partition].epoch + self.chance.choice((1, 17)), 0)
        self.append(partition, EpochBegan(epoch=self.last[partition].epoch, server="s"))

    # --- what the notifier does ---

    def do_read(self) -> None:
        self.read(self.chance.randrange(PARTITIONS))

    def read(self, partition: int) -> None:
        last, expected = self.last[partition], None
        if partition in self.looked:
            clock, then = self.looked[partition]
            expected = clock + self.now - then
        self.looked[partition] = self.clock, self.now
        chosen = self.chance.random()
        if chosen < 0.1:
            last = Position(partition, last.epoch, last.seq + 3)  # more has happened than was told
        elif chosen < 0.15 and last.seq > 1 and partition not in self.hiding:
            last = Position(partition, last.epoch, last.seq - 1)  # of a replica that is behind
        elif partition not in self.hiding and chosen < 0.7:
            self.steps.append(Step(given=Passed(position=last)))
            self.known[partition] = last
        self.steps.append(Step(given=Reading(clock=self.clock, last=last, partitions=PARTITIONS, expected=expected)))

    def do_step(self) -> None:
        self.offset += self.chance.choice((-7_200_000, -30_000, 1_500, 30_000, 7_200_000))

    def do_leap(self) -> None:
        """The clock jumps, and that is seen before more happens."""
        partition = self.chance.randrange(PARTITIONS)
        self.read(partition)
        self.offset += self.chance.choice((1_500, 2_001, 60_000, 600_000, 7_200_000))
        self.read(partition)

    def do_rules(self) -> None:
        if self.chance.random() < 0.5:
            self.rules = self.drawn_rules()
            self.steps.append(Step(rules=self.rules))

    def do_again(self) -> None:
        """What was told is told again."""
        told = [step for step in self.steps if isinstance(step.given, Seen) and not step.hidden]
        if told:
            self.steps.append(self.chance.choice(told))

    def do_hide(self) -> None:
        partition = self.chance.randrange(PARTITIONS)
        if partition in self.hiding:
            self.reveal(partition)
        elif self.chance.random() < 0.5:
            self.hiding.add(partition)

    def reveal(self, partition: int) -> None:
        """What is hidden is lost for ever: the notifier goes on from a snapshot."""
        self.hiding.remove(partition)
        if self.known[partition] == self.last[partition]:
            return
        jobs = [job for job in self.jobs.values() if partition_of(job.job_id, PARTITIONS) == partition]
        runs = [run for run in self.runs.values() if partition_of(run.run_id, PARTITIONS) == partition]
        snapshot = Snapshot(
            positions=(self.last[partition],),
            partitions=PARTITIONS,
            jobs=tuple(
                JobNow(
                    job_id=job.job_id,
                    definition=job.definition,
                    version=job.version,
                    defined=job.defined,
                    changed=job.changed,
                    quiet_since=job.quiet_since,
                    barred=job.barred,
                )
                for job in jobs
            ),
            runs=tuple(
                RunNow(
                    run_id=run.run_id,
                    trigger=run.trigger,
                    requested=run.requested,
                    requested_at=run.requested_at,
                    queue="default",
                    job_id=run.job_id,
                    definition=None if run.seen and self.chance.random() < 0.5 else run.definition,
                    defined=run.defined,
                    labels=run.labels,
                    nominal_at=None if run.nominal is None else stamp(run.nominal),
                    started=run.started,
                    attempt=run.attempt,
                    attempt_at=run.attempt_at,
                )
                for run in runs
            ),
        )
        through = self.last[partition]
        hole = Hole(after=self.known[partition], through=through, at=self.clock, snapshot=snapshot)
        self.steps.append(Step(given=hole))
        self.known[partition] = through

    # --- beneath ---

    def add(self, owner: str, event: StoredEvent) -> Position:
        return self.append(partition_of(owner, PARTITIONS), event)

    def append(self, partition: int, event: StoredEvent) -> Position:
        position = self.next(partition)
        seen = Seen(position=position, at=self.clock, event=event)
        self.steps.append(Step(given=seen, hidden=partition in self.hiding))
        return position

    def add_unread(self, owner: str, job_id: JobId | None, run_id: RunId | None, ends: RunStatus | None) -> None:
        partition = partition_of(owner, PARTITIONS)
        position = self.next(partition)
        unread = Unread(position=position, at=self.clock, flaw="no JSON", job_id=job_id, run_id=run_id, ends=ends)
        self.steps.append(Step(given=unread, hidden=partition in self.hiding))

    def next(self, partition: int) -> Position:
        _, epoch, seq = self.last[partition]
        self.last[partition] = Position(partition, epoch, seq + self.chance.choice((1, 1, 1, 4)))
        if partition not in self.hiding:
            self.known[partition] = self.last[partition]
        return self.last[partition]

    def bar(self, job: LiveJob, position: Position) -> None:
        job.barred = position
        for run in self.runs.values():
            run.barred = run.barred or run.job_id == job.job_id

    def about(self, run: LiveRun, kind: Any, **members: Any) -> StoredEvent:
        return kind(run_id=run.run_id, job_id=run.job_id, **members)

    def some_job(self, *, enabled: bool | None = None) -> LiveJob | None:
        found = [job for _, job in sorted(self.jobs.items()) if enabled in (None, job.definition.enabled)]
        return self.chance.choice(found) if found else None

    def drawn(self) -> Definition:
        chance = self.chance

        def perhaps(*values: Any) -> Any:
            return chance.choice(values) if chance.random() < 0.45 else None

        promise = Promise(
            start_within=perhaps(60, 300, 0.5),
            finish_within=perhaps(300, 1_800),
            finish_by=perhaps("02:30", "03:00", "01:59", "12:30", "23:50"),
            runs_at_most=perhaps(60, 900),
            success_within=perhaps(600, 7_200),
            disable_after=chance.choice((None, None, 1, 2, 2, 3)),
        )
        return Definition(
            job_name=chance.choice(("nightly", "hourly")),
            job_group=chance.choice(("reports", "sea")),
            invoke_target="demo.noop",
            cron_expression="* * * * *",
            timezone=chance.choice(ZONES),
            labels={"tier": chance.choice(("gold", "tin"))},
            promise=promise if chance.random() < 0.85 else None,
        )

    def drawn_rules(self) -> NoticeRules:
        names = self.chance.sample(("a", "b", "c", "d"), self.chance.randint(1, 3))
        return NoticeRules(rules=tuple(self.drawn_rule(name) for name in names))

    def drawn_rule(self, name: str) -> Rule:
        chance = self.chance
        kinds = [kind for kind in KINDS if chance.random() < 0.75] or ["failed"]
        matches = (Match(), Match(), Match(group="reports"), Match(labels={"tier": "gold"}), Match(job="hourly"))
        return Rule(
            name=name,
            match=chance.choice(matches),
            on=cast("Any", tuple(kinds)),
            after=chance.choice((1, 1, 2, 3)),
            remind=chance.choice((None, 120.0, 3_600.0)),
            channels=(chance.choice(("oncall", "ops")),),
        )
