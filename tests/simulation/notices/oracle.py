"""What has to be told of a history, by the rules as they are written, looking at all of it as often as it takes.

Nothing here is taken from the judge. It first finds the fate of each deadline by looking ahead from where it begins,
and then, rule by rule, what each job's fates and ends open, count and close. It is long: every rule is said again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from functools import cache, cached_property
from types import MappingProxyType
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import msgspec
from msgspec.structs import replace

from tests.simulation.notices.world import Step
from waterclock.model.definition import Definition
from waterclock.model.events import (
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
)
from waterclock.model.ids import partition_of
from waterclock.model.notices.inputs import Hole, JobNow, Passed, Reading, RunNow, Seen, Unread
from waterclock.model.notices.rules import NoticeRules, Rule
from waterclock.model.positions import Position
from waterclock.model.promise import Promise
from waterclock.model.timestamps import millis

BAD = ("failed", "timedOut", "died")
CLOSED_BY_SUCCESS = (*BAD, "cancelled", "skipped", "missing")
JUMP_MS, JUMP_GRACE_MS = 2_000, 60_000
WHATS = ("attempt", "start", "finish")
IN_A_READING = ("start", "finish", "attempt")


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """A notice, without its id. `of`: the step that told of what it takes back or repeats, and as what."""

    step: int
    kind: str
    rule: str
    channels: tuple[str, ...]
    at: int
    since: int
    count: int
    position: str
    job: str | None
    run: str | None
    group: str | None
    name: str | None
    instant: int | None = None
    last: int | None = None
    due: int | None = None
    what: str | None = None
    attempt: int | None = None
    reason: str | None = None
    of: tuple[int, str] | None = None
    recovers: str | None = None
    reminder: int = 0


class Tripped(NamedTuple):
    step: int
    job: str
    version: int
    failures: int


class JobThen(NamedTuple):
    definition: Definition
    version: int
    changed: Position


class Bound(NamedTuple):
    """By what a run, a skip or a silence is judged."""

    job: str | None
    group: str | None = None
    name: str | None = None
    labels: Mapping[str, str] = MappingProxyType({})
    zone: str = "UTC"
    promise: Promise | None = None


class Deadline:
    def __init__(self, what: str, due: int, begins: int, attempt: int | None = None) -> None:
        self.what, self.due, self.begins, self.attempt = what, due, begins, attempt
        self.broken: int | None = None  # the step at which it is


class Life:
    """A run, from when the notifier knows it."""

    def __init__(self, run: str, bound: Bound, trigger: str, nominal: int | None, position: Position, at: int) -> None:
        self.run, self.bound, self.trigger, self.nominal = run, bound, trigger, nominal
        self.position, self.requested_at = position, at
        self.known = 0  # the step
        self.gone: int | None = None  # the step at which it ends, or a hole has swallowed it
        self.closed: list[int] = []  # steps at which all that is open of it is over
        self.deadlines: list[Deadline] = []
        self.answers: list[tuple[int, str, bool]] = []  # step, of what, whether as it was to be
        self.attempts: list[tuple[int, int]] = []
        self.subject: tuple[Any, ...] | None = None  # of its start and end


class Open:
    """What a rule was told of a job, and that lasts."""

    def __init__(self, told: Told, remind_at: int | None) -> None:
        self.told, self.count, self.remind_at, self.reminders = told, told.count, remind_at, 0
        self.last = told  # what has happened since
        self.outstanding: set[tuple[Any, ...]] = set()


class Oracle:
    def __init__(self, rules: NoticeRules, steps: Sequence[Step], breaker: str, *, partitions: int) -> None:
        self.steps, self.breaker, self.partitions = steps, breaker, partitions
        self._ends: dict[int, tuple[Life | None, str, str | None, str] | None] = {}
        self._jobs_then: dict[tuple[str | None, int], JobThen | None] = {}
        self.told: list[Told] = []
        self.trips: list[Tripped] = []
        self.rules_at = [rules]
        for step in steps:
            self.rules_at.append(self.rules_at[-1] if step.rules is None else step.rules)
        del self.rules_at[0]
        self.fresh, self.judges = self._looked_through()
        self.jobs = sorted({one for step in steps if (one := _job_of(step)) is not None})
        self.lives = list(self._lives())
        for life in self.lives:
            for deadline in life.deadlines:
                deadline.broken = self._broken(life, deadline)
        for job in self.jobs:
            self._fold(job)
        for number, step in enumerate(steps):
            self._alone(number, step)
        self.told.sort(key=_order)
        self.trips.sort()

    # --- what counts -------------------------------------------------------------------------------------------------

    def _looked_through(self) -> tuple[list[bool], list[bool]]:
        """Of each step whether it tells anything new, and whether it is a reading by which deadlines are judged."""
        fresh: list[bool] = []
        judges: list[bool] = []
        at: dict[int, Position] = {}
        for step in self.steps:
            given, new, judging = step.given, False, False
            match given:
                case Seen(position=position) | Unread(position=position) | Passed(position=position):
                    place = at.get(position.partition)
                    new = not step.hidden and (place is None or position > place)
                case Hole(through=through):
                    place = at.get(through.partition)
                    new = place is None or through > place
                case Reading(last=last):
                    place = at.get(last.partition)
                    new = place is not None and last >= place
                    judging = place is not None and last == place
                case _:
                    pass
            if new and isinstance(given, Seen | Unread | Passed):
                at[given.position.partition] = given.position
            if new and isinstance(given, Hole):
                at[given.through.partition] = given.through
            fresh.append(new)
            judges.append(judging)
        return fresh, judges

    @cached_property
    def jumps(self) -> list[tuple[int, int, int, int]]:
        """Step, partition, from, to; each from its step on."""
        return [
            (number, given.last.partition, given.expected, given.clock)
            for number, step in enumerate(self.steps)
            if isinstance(given := step.given, Reading)
            and self.fresh[number]
            and given.expected is not None
            and given.clock - given.expected > JUMP_MS
        ]

    def _moved(self, due: int, partition: int, number: int) -> int:
        """When a deadline is due, by what is known of jumps at a step."""
        for since, until in sorted((a, b) for step, home, a, b in self.jumps if home == partition and step <= number):
            if since < due <= until:
                due = until + JUMP_GRACE_MS
        return due

    def _seen(self, number: int) -> Any:
        """The event of a step, if it is told then and is new."""
        given = self.steps[number].given
        return given.event if isinstance(given, Seen) and self.fresh[number] else None

    def _time(self, number: int) -> int:
        given: Any = self.steps[number].given
        return given.clock if isinstance(given, Reading) else given.at

    def _place(self, number: int) -> Position:
        given: Any = self.steps[number].given
        if isinstance(given, Reading):
            return given.last
        return given.through if isinstance(given, Hole) else given.position

    def _hole_of(self, number: int, partition: int) -> int | None:
        """The next hole of the partition: by it the notifier knows what was hidden before."""
        for later in range(number + 1, len(self.steps)):
            given = self.steps[later].given
            if isinstance(given, Hole) and given.through.partition == partition:
                return later
        return None

    @cached_property
    def _changes(self) -> list[tuple[int, Position, Any]]:
        """Step, position and event of all that changes a job."""
        return [
            (number, given.position, given.event)
            for number, step in enumerate(self.steps)
            if isinstance(given := step.given, Seen)
            and isinstance(given.event, JobCreated | JobChanged | JobEnabled | JobDisabled | JobDeleted)
            and (self.fresh[number] or step.hidden)
        ]

    def _job_at(self, job: str | None, number: int) -> JobThen | None:
        if (job, number) not in self._jobs_then:
            self._jobs_then[job, number] = self._told_of(job, number)
        return self._jobs_then[job, number]

    def _told_of(self, job: str | None, number: int) -> JobThen | None:
        """A job before a step, as its events tell: also those that were hidden, for a snapshot told of them."""
        found: JobThen | None = None
        for earlier, position, event in self._changes:
            if earlier >= number or event.job_id != job:
                continue
            match event:
                case JobCreated() | JobChanged():
                    found = JobThen(event.definition, event.version, position)
                case JobEnabled(version=version) if found is not None:
                    found = JobThen(_with_status(found.definition, "0"), version, position)
                case JobDisabled(version=version) if found is not None:
                    found = JobThen(_with_status(found.definition, "1"), version, found.changed)
                case JobDeleted():
                    found = None
                case _:
                    pass
        return found

    # --- runs and their deadlines ------------------------------------------------------------------------------------

    def _lives(self) -> Iterator[Life]:
        for number, step in enumerate(self.steps):
            given = step.given
            if not isinstance(given, Seen) or not isinstance(given.event, RunRequested):
                continue
            event = given.event
            if self.fresh[number]:
                known, now = number, None
            elif step.hidden:
                hole = self._hole_of(number, given.position.partition)
                now = None if hole is None else self._now(hole, event.run_id)
                if hole is None or now is None:
                    continue
                known = hole
            else:
                continue
            then = self._job_at(event.job_id, number)
            bound = Bound(None, labels=event.labels) if then is None else _bound(event.job_id, then.definition)
            nominal = None if event.nominal_at is None else millis(event.nominal_at)
            life = Life(event.run_id, bound, event.trigger, nominal, given.position, given.at)
            life.known = known
            self._live(life, now)
            yield life

    def _live(self, life: Life, first: RunNow | None) -> None:
        """Follow a run to its end. `first`: as the snapshot has it by which it became known."""
        promise = life.bound.promise or Promise()
        limit = promise.runs_at_most
        barred = first is not None and self._barred(life, life.known)
        started = first is not None and first.started
        starts, ends = _dues(life)
        if starts is not None or ends is not None:
            together = life.trigger == "catchup"
            life.subject = ("catchup", life.bound.job, life.requested_at) if together else ("run", life.run)
        if starts is not None and not started and not barred:
            life.deadlines.append(Deadline("start", starts, life.known))
        if ends is not None and not barred:
            life.deadlines.append(Deadline("finish", ends, life.known))
        if started:
            life.answers.append((life.known, "start", False))
        if first is not None:
            life.attempts.append((life.known, first.attempt))
            if first.attempt_at is not None and limit is not None and not barred:
                due = first.attempt_at + round(limit * 1000)
                life.deadlines.append(Deadline("attempt", due, life.known, first.attempt))
        if barred:
            life.closed.append(life.known)
        running = first is not None and first.attempt_at is not None
        for number in range(life.known + 1, len(self.steps)):
            given, event = self.steps[number].given, self._seen(number)
            if isinstance(given, Hole) and given.through.partition == self._home(life) and self.fresh[number]:
                now = self._now(number, life.run)
                if now is None:
                    life.gone = number
                    life.closed.append(number)
                    return
                if self._barred(life, number):
                    life.closed.append(number)
                if now.started and not started:
                    started = True
                    life.answers.append((number, "start", False))
                same = bool(life.attempts) and life.attempts[-1][1] == now.attempt
                if running and not (same and now.attempt_at is not None):
                    life.answers.append((number, "attempt", False))
                if not same and now.attempt_at is not None and limit is not None and not self._barred(life, number):
                    due = now.attempt_at + round(limit * 1000)
                    life.deadlines.append(Deadline("attempt", due, number, now.attempt))
                life.attempts.append((number, now.attempt))
                running = now.attempt_at is not None
                continue
            if self._closes(number, life.bound.job):
                life.closed.append(number)
            ends_it = _end(event, given if self.fresh[number] else None)
            if (getattr(event, "run_id", None) or getattr(given, "run_id", None)) != life.run:
                continue
            if isinstance(event, RunStarted):
                life.answers.append((number, "attempt", False))
                if not started:
                    started = True
                    life.answers.append((number, "start", True))
                life.attempts.append((number, event.attempt))
                running = True
                if limit is not None:
                    due = self._time(number) + round(limit * 1000)
                    life.deadlines.append(Deadline("attempt", due, number, event.attempt))
            elif isinstance(event, RunRetryScheduled | RunLost):
                life.answers.append((number, "attempt", False))
                running = False
            elif ends_it is not None:
                well = ends_it == "succeeded"
                life.answers.append((number, "attempt", well))
                if not started:
                    life.answers.append((number, "start", well))
                life.answers.append((number, "finish", well))
                life.gone = number
                return

    def _broken(self, life: Life, deadline: Deadline) -> int | None:
        """The step at which a deadline is broken, if it is."""
        for number in range(deadline.begins + 1, len(self.steps)):
            given = self.steps[number].given
            if isinstance(given, Reading):
                home = self._home(life)
                judges = self.judges[number] and given.last.partition == home
                if judges and self._moved(deadline.due, home, number) < given.clock:
                    return number
                continue
            if number in life.closed:
                return None
            if any(step == number and what == deadline.what for step, what, _ in life.answers):
                late = self._time(number) > self._moved(deadline.due, self._home(life), number)
                return number if late and not isinstance(given, Hole) else None
        return None

    def _home(self, life: Life) -> int:
        return partition_of(life.run, self.partitions)

    def _now(self, hole: int, run: str) -> RunNow | None:
        given = self.steps[hole].given
        assert isinstance(given, Hole)
        return next((one for one in given.snapshot.runs if one.run_id == run), None)

    def _job_now(self, hole: int, job: str | None) -> JobNow | None:
        given = self.steps[hole].given
        assert isinstance(given, Hole)
        return next((one for one in given.snapshot.jobs if one.job_id == job), None)

    def _barred(self, life: Life, hole: int) -> bool:
        now = self._job_now(hole, life.bound.job)
        return now is None or (now.barred is not None and life.position < now.barred)

    def _closes(self, number: int, job: str | None) -> bool:
        """Whether a disable or a delete closes what is open of the job."""
        event = self._seen(number)
        if job is None or getattr(event, "job_id", None) != job:
            return False
        if isinstance(event, JobChanged):
            before = self._job_at(job, number)
            return before is not None and before.definition.enabled and not event.definition.enabled
        return isinstance(event, JobDeleted) or (
            isinstance(event, JobDisabled) and self._job_at(job, number) is not None
        )

    def _answered(self, life: Life, what: str, number: int) -> bool:
        """Whether with that answer of a run its subject is answered: of a catch-up, with that of the last run."""
        if what == "attempt" or life.trigger != "catchup":
            return True
        for other in self.lives:
            if other.subject != life.subject or other is life:
                continue
            if other.known > number or any(step <= number for step in other.closed):
                continue
            if not any(step <= number and one == what for step, one, _ in other.answers):
                return False
        return True

    # --- silences ----------------------------------------------------------------------------------------------------

    def _silences(self, job: str) -> dict[int, int]:
        """Steps at which the job is found not to have succeeded in time → when it was to."""
        found: dict[int, int] = {}
        until: int | None = None
        home = partition_of(job, self.partitions)
        for number, step in enumerate(self.steps):
            given, event = step.given, self._seen(number)
            if isinstance(given, Reading):
                judges = self.judges[number] and given.last.partition == home
                if until is not None and judges and self._moved(until, home, number) < given.clock:
                    found[number], until = until, None
                continue
            if isinstance(given, Hole) and given.through.partition == home and self.fresh[number]:
                now = self._job_now(number, job)
                until = None if now is None else _until(now.definition, now.quiet_since)
                if until in found.values():
                    until = None  # that is told already
                continue
            then = self._job_at(job, number)
            succeeded = self._succeeds(number, job)
            edited = isinstance(event, JobChanged) and event.job_id == job
            if edited or (succeeded is not None and succeeded != "backfill"):
                at = self._time(number)
                still = not edited or event.definition.enabled
                if until is not None and still and at > self._moved(until, home, number):
                    found[number] = until
                if edited or then is not None:
                    until = _until(event.definition if edited else then.definition, at)  # pyright: ignore[reportOptionalMemberAccess]
            elif isinstance(event, JobCreated) and event.job_id == job:
                until = _until(event.definition, self._time(number))
            elif isinstance(event, JobEnabled) and event.job_id == job and then is not None:
                until = _until(_with_status(then.definition, "0"), self._time(number))
            elif self._closes(number, job):
                until = None
        return found

    def _succeeds(self, number: int, job: str) -> str | None:
        """The trigger of the run of the job that succeeds there, if one does and the job is there."""
        ended = self._ended(number)
        if ended is None or ended[1] != "succeeded" or ended[2] != job or self._job_at(job, number) is None:
            return None
        return "unknown" if ended[0] is None else ended[0].trigger

    def _ended(self, number: int) -> tuple[Life | None, str, str | None, str] | None:
        """The run that ends there, as the notifier knows it; how; its job; its id."""
        if number not in self._ends:
            self._ends[number] = self._ended_anew(number)
        return self._ends[number]

    def _ended_anew(self, number: int) -> tuple[Life | None, str, str | None, str] | None:
        given: Any = self.steps[number].given
        event = self._seen(number)
        how = _end(event, given if self.fresh[number] else None)
        if how is None:
            return None
        source = event if event is not None else given
        life = next((one for one in self.lives if one.run == source.run_id and one.gone == number), None)
        return life, how, source.job_id, source.run_id

    # --- what is told of a job ---------------------------------------------------------------------------------------

    def _fold(self, job: str) -> None:
        opened: dict[tuple[str, str], Open] = {}
        told: dict[tuple[Any, ...], Open] = {}  # (rule, what, subject) → what was opened or counted
        bad: list[int] = []  # times
        lives = [life for life in self.lives if life.bound.job == job]
        silences = self._silences(job)
        home = partition_of(job, self.partitions)

        def lasting(rule: Rule, one: Told, times: int = 1) -> Open:
            known = opened.get((rule.name, one.kind))
            if known is not None:
                known.count += times
                known.last = one
                return known
            self.told.append(one)
            later = None if rule.remind is None else one.at + round(rule.remind * 1000)
            made = opened[rule.name, one.kind] = Open(one, later)
            return made

        def over(key: tuple[str, str], number: int, by: Told) -> None:
            known = opened.pop(key)
            rule = next((one for one in self.rules_at[number].rules if one.name == key[0]), None)
            if rule is not None and "recovered" in rule.on:
                self.told.append(
                    replace(
                        by,
                        kind="recovered",
                        rule=rule.name,
                        channels=rule.channels,
                        since=known.told.since,
                        count=known.count,
                        of=(known.told.step, known.told.kind),
                        recovers=key[1],
                    )
                )

        def breaks(number: int, life: Life, deadline: Deadline) -> None:
            kind = "tooLong" if deadline.what == "attempt" else "late"
            subject = _subject(life, deadline)
            for rule in self._rules(number, kind, life.bound):
                if (rule.name, deadline.what, subject) in told:
                    continue
                one = self._of_run(number, kind, rule, life, deadline)
                known = lasting(rule, one)
                known.outstanding.add((deadline.what, subject))
                told[rule.name, deadline.what, subject] = known

        def answers(number: int, life: Life, what: str, *, well: bool) -> None:
            if not self._answered(life, what, number):
                return
            kind = "tooLong" if what == "attempt" else "late"
            for subject in _subjects(life, what):
                for (rule, _, _), known in [one for one in told.items() if one[0][1:] == (what, subject)]:
                    if (what, subject) not in known.outstanding:
                        continue
                    known.outstanding.discard((what, subject))
                    if known.outstanding or opened.get((rule, kind)) is not known:
                        continue
                    if well:
                        over((rule, kind), number, self._answering(number, life, what, known))
                    else:
                        del opened[rule, kind]

        for number, step in enumerate(self.steps):
            given, event = step.given, self._seen(number)
            if step.rules is not None:
                for key in list(opened):
                    if not any(rule.name == key[0] and key[1] in rule.on for rule in step.rules.rules):
                        del opened[key]
            if isinstance(given, Hole) and given.through.partition == home and self.fresh[number]:
                now = self._job_now(number, job)
                place = self._position_before(number, home)
                if now is None or (now.barred is not None and (place is None or now.barred > place)):
                    opened.clear()
                    bad.clear()
                for key in [key for key in opened if key[1] in ("late", "tooLong")]:
                    del opened[key]
                continue
            if isinstance(given, Reading):
                if self.judges[number] and given.last.partition == home:
                    self._read(number, job, lives, silences, opened, breaks, lasting)
                continue
            if event is None and not isinstance(given, Unread):
                continue
            for what in WHATS:
                for life in lives:
                    for deadline in life.deadlines:
                        if deadline.what == what and deadline.broken == number:
                            breaks(number, life, deadline)
                    for at, one, well in life.answers:
                        if at == number and one == what:
                            answers(number, life, what, well=well)
            then = self._job_at(job, number)
            if number in silences:
                assert then is not None
                bound = _bound(job, then.definition)
                for rule in self._rules(number, "silent", bound):
                    lasting(rule, self._of_silence(number, rule, bound, silences[number]))
            if self._closes(number, job):
                if isinstance(event, JobDisabled):
                    self._disabled(number, job, event)
                opened.clear()
                bad.clear()
            if isinstance(event, JobChanged) and event.job_id == job:
                bound = _bound(job, event.definition)
                quiet = _until(event.definition, 0) is None
                for key in list(opened):
                    about = any(rule.name == key[0] for rule in self._rules(number, key[1], bound))
                    if not about or (quiet and key[1] == "silent"):
                        del opened[key]
            if isinstance(event, FireSkipped) and event.job_id == job and then is not None:
                self._skipped(number, job, then, event, lasting)
            ended = self._ended(number)
            if ended is None or ended[2] != job or then is None:
                continue
            life, how, _, run = ended
            bound = _bound(job, then.definition) if life is None else life.bound
            if how == "succeeded":
                for key in list(opened):
                    if key[1] in CLOSED_BY_SUCCESS or (
                        key[1] == "silent" and not (life is not None and life.trigger == "backfill")
                    ):
                        over(key, number, self._of_end(number, "recovered", None, bound, life, run, None))
                bad.clear()
            elif how in BAD:
                bad.append(self._time(number))
                self._trip(number, job, then, life)
                for rule in self._rules(number, how, bound):
                    one = self._of_end(number, how, rule, bound, life, run, None)
                    if len(bad) >= rule.after or (rule.name, how) in opened:
                        lasting(rule, replace(one, since=bad[0], count=len(bad)))
            elif how == "cancelled" and (reason := getattr(event, "reason", None)) not in ("jobDisabled", "jobDeleted"):
                for rule in self._rules(number, how, bound):
                    lasting(rule, self._of_end(number, how, rule, bound, life, run, reason))

    def _read(
        self,
        number: int,
        job: str,
        lives: list[Life],
        silences: dict[int, int],
        opened: dict[tuple[str, str], Open],
        breaks: Any,
        lasting: Any,
    ) -> None:
        """What a reading finds, the earliest first."""
        given: Any = self.steps[number].given
        home = given.last.partition
        overdue: list[tuple[tuple[Any, ...], Any]] = []
        for life in lives:
            overdue += [
                ((one.due, 0, life.run, IN_A_READING.index(one.what)), (life, one))
                for one in life.deadlines
                if one.broken == number
            ]
        if number in silences:
            overdue.append(((silences[number], 1, job, 0), None))
        for place, (key, one) in enumerate(opened.items()):
            if one.remind_at is not None and self._moved(one.remind_at, home, number) < given.clock:
                overdue.append(((one.remind_at, 2, job, place), key))
        then = self._job_at(job, number)
        for _, found in sorted(overdue, key=_first):
            if found is None:
                assert then is not None
                bound = _bound(job, then.definition)
                for rule in self._rules(number, "silent", bound):
                    lasting(rule, self._of_silence(number, rule, bound, silences[number]))
            elif isinstance(found[0], Life):
                breaks(number, *found)
            elif then is not None:
                self._remind(number, found, opened[found], _bound(job, then.definition))

    def _remind(self, number: int, key: tuple[str, str], one: Open, bound: Bound) -> None:
        rule = next(rule for rule in self.rules_at[number].rules if rule.name == key[0])
        one.reminders += 1
        assert rule.remind is not None or one.remind_at is not None
        self.told.append(
            replace(
                self._of_end(number, key[1], rule, bound, None, None, None),
                since=one.told.since,
                count=one.count,
                run=one.last.run,
                instant=one.last.instant,
                due=one.last.due,
                of=(one.told.step, one.told.kind),
                reminder=one.reminders,
            )
        )
        one.remind_at = None if rule.remind is None else self._time(number) + round(rule.remind * 1000)

    def _skipped(self, number: int, job: str, then: JobThen, event: FireSkipped, lasting: Any) -> None:
        if event.reason in ("edited", "disabled", "deleted"):
            return
        bound = _bound(job, then.definition)
        for rule in self.rules_at[number].rules:
            if not _matches(rule, bound):
                continue
            if "missing" in rule.on and bound.promise is not None:
                kind = "missing"
            elif "skipped" in rule.on:
                kind = "skipped"
            else:
                continue
            one = self._of_end(number, kind, rule, bound, None, None, event.reason)
            told = replace(one, instant=millis(event.first), last=millis(event.last), count=event.count)
            lasting(rule, told, event.count)

    def _disabled(self, number: int, job: str, event: JobDisabled) -> None:
        then = self._job_at(job, number)
        assert then is not None
        actor = event.actor or ""
        if self.breaker in (actor, actor[: actor.rfind("@")] if "@" in actor else ""):
            bound = _bound(job, then.definition)
            for rule in self._rules(number, "disabled", bound):
                self.told.append(self._of_end(number, "disabled", rule, bound, None, None, event.reason))

    def _trip(self, number: int, job: str, then: JobThen, life: Life | None) -> None:
        """The breaker: so many scheduled runs in a row, that were requested since the last change or enable."""
        promise = then.definition.promise
        limit = promise.disable_after if promise else None
        if limit is None or life is None or not self._scheduled_since(life, then.changed):
            return
        row = 0
        for earlier in range(number, -1, -1):
            if earlier != number and self._begins_anew(earlier, job):
                break
            ended = self._ended(earlier)
            if (
                ended is None
                or ended[2] != job
                or ended[0] is None
                or not self._scheduled_since(ended[0], then.changed)
            ):
                continue
            if ended[1] == "succeeded":
                break
            row += ended[1] in BAD
        if row == limit and then.definition.enabled:
            self.trips.append(Tripped(number, job, then.version, row))

    def _scheduled_since(self, life: Life, changed: Position) -> bool:
        return life.trigger in ("schedule", "catchup") and life.position[1:] > changed[1:]

    def _begins_anew(self, number: int, job: str) -> bool:
        given = self.steps[number].given
        if (
            isinstance(given, Hole)
            and self.fresh[number]
            and given.through.partition == partition_of(job, self.partitions)
        ):
            return True
        return self._closes(number, job)

    def _alone(self, number: int, step: Step) -> None:
        """What is told of no job that is there: runs of none, what nobody can read, holes."""
        given: Any = step.given
        if not self.fresh[number]:
            return
        if isinstance(given, Hole):
            for rule in self.rules_at[number].rules:
                if "clock" in rule.on:
                    one = self._of_end(number, "clock", rule, Bound(None), None, None, None)
                    self.told.append(replace(one, reason=f"hole {given.after} {given.through}"))
            return
        ended = self._ended(number)
        if isinstance(given, Unread):
            then = self._job_at(given.job_id, number)
            bound = Bound(given.job_id) if then is None else _bound(given.job_id, then.definition)
            if ended is not None and ended[0] is not None:
                bound = ended[0].bound
            for rule in self._rules(number, "unreadable", bound):
                one = self._of_end(number, "unreadable", rule, bound, None, given.run_id, given.flaw)
                self.told.append(one)
        if ended is None or self._job_at(ended[2], number) is not None or ended[1] == "succeeded":
            return
        life, how, job, run = ended
        reason = getattr(self._seen(number), "reason", None) if how == "cancelled" else None
        if reason in ("jobDisabled", "jobDeleted"):
            return
        bound = Bound(job) if life is None else life.bound
        for rule in self._rules(number, how, bound):
            self.told.append(self._of_end(number, how, rule, bound, life, run, reason))

    # --- notices -----------------------------------------------------------------------------------------------------

    def _rules(self, number: int, kind: str, bound: Bound) -> list[Rule]:
        return [rule for rule in self.rules_at[number].rules if kind in rule.on and _matches(rule, bound)]

    def _of_end(
        self,
        number: int,
        kind: str,
        rule: Rule | None,
        bound: Bound,
        life: Life | None,
        run: str | None,
        reason: str | None,
    ) -> Told:
        at = self._time(number)
        ends = life is not None and kind != "recovered"
        return Told(
            step=number,
            kind=kind,
            rule="" if rule is None else rule.name,
            channels=() if rule is None else rule.channels,
            at=at,
            since=at,
            count=1,
            position=str(self._place(number)),
            job=bound.job,
            run=run,
            group=bound.group,
            name=bound.name,
            instant=None if life is None else life.nominal,
            attempt=_attempt(life, number) if ends and life is not None else None,
            reason=reason,
        )

    def _of_run(self, number: int, kind: str, rule: Rule, life: Life, deadline: Deadline) -> Told:
        one = self._of_end(number, kind, rule, life.bound, life, life.run, None)
        return replace(one, since=deadline.due, due=deadline.due, what=deadline.what, attempt=deadline.attempt)

    def _answering(self, number: int, life: Life, what: str, known: Open) -> Told:
        one = self._of_end(number, "recovered", None, life.bound, life, life.run, None)
        attempt = _attempt(life, number) if what == "attempt" else None
        return replace(one, what=what, due=known.last.due, attempt=attempt)

    def _of_silence(self, number: int, rule: Rule, bound: Bound, until: int) -> Told:
        one = self._of_end(number, "silent", rule, bound, None, None, None)
        return replace(one, since=until, due=until)

    def _position_before(self, number: int, partition: int) -> Position | None:
        """How far the partition was judged before a step."""
        found: Position | None = None
        for earlier in range(number):
            given = self.steps[earlier].given
            if not self.fresh[earlier] or given is None or isinstance(given, Reading):
                continue
            if (place := self._place(earlier)).partition == partition:
                found = place
        return found


def _first(pair: tuple[tuple[Any, ...], Any]) -> tuple[Any, ...]:
    return pair[0]


def _order(one: Told) -> tuple[Any, ...]:
    return one.step, repr(one)


def _job_of(step: Step) -> str | None:
    return getattr(getattr(step.given, "event", None), "job_id", None)


def _subject(life: Life, deadline: Deadline) -> tuple[Any, ...]:
    if deadline.what == "attempt":
        return "attempt", life.run, deadline.attempt, deadline.begins
    assert life.subject is not None
    return life.subject


def _subjects(life: Life, what: str) -> list[tuple[Any, ...]]:
    return [_subject(life, one) for one in life.deadlines if one.what == what]


def _attempt(life: Life, number: int) -> int:
    """Its attempt before a step."""
    return next((attempt for step, attempt in reversed(life.attempts) if step < number), 0)


def _bound(job: str | None, definition: Definition) -> Bound:
    return Bound(
        job=job,
        group=definition.job_group,
        name=definition.job_name,
        labels=definition.labels,
        zone=definition.timezone,
        promise=definition.promise or None,
    )


def _matches(rule: Rule, bound: Bound) -> bool:
    wanted = rule.match
    if wanted.group not in (None, bound.group) or wanted.job not in (None, bound.name):
        return False
    return wanted.labels.items() <= bound.labels.items()


def _with_status(definition: Definition, status: Any) -> Definition:
    members = {name: getattr(definition, name) for name in definition.__struct_fields__}
    return Definition(**members | {"status": status})


def _until(definition: Definition, since: int) -> int | None:
    promise = definition.promise
    within = promise.success_within if promise else None
    return None if within is None or not definition.enabled else since + round(within * 1000)


def _end(event: Any, given: Any) -> str | None:
    """How an event, or one that nobody can read, ends a run; None: it ends none."""
    if isinstance(given, Unread):
        return given.ends if given.run_id is not None else None
    ends: dict[type, str] = {
        RunSucceeded: "succeeded",
        RunFailed: "failed",
        RunTimedOut: "timedOut",
        RunDied: "died",
        RunCancelled: "cancelled",
    }
    return next((how for kind, how in ends.items() if isinstance(event, kind)), None)


def _dues(life: Life) -> tuple[int | None, int | None]:
    """When the run is to have started, and to have ended."""
    promise = life.bound.promise
    if promise is None or life.nominal is None or life.trigger not in ("schedule", "catchup"):
        return None, None
    starts = None if promise.start_within is None else life.nominal + round(promise.start_within * 1000)
    ends = [] if promise.finish_within is None else [life.nominal + round(promise.finish_within * 1000)]
    if promise.finish_by is not None:
        ends.append(_next_time(promise.finish_by, life.nominal, life.bound.zone))
    return starts, min(ends, default=None)


def _next_time(by: str, after_ms: int, zone: str) -> int:
    """The first moment after another at which a local clock comes to a time of day, looked for minute by minute."""
    minute = after_ms // 60_000
    before = _local(zone, minute)
    while True:
        minute += 1
        local = _local(zone, minute)
        exact = local.time == by and not local.again
        leapt = local.ahead > before.ahead and before.time < by < local.time
        if exact or leapt:
            return minute * 60_000
        before = local


class Local(NamedTuple):
    time: str
    again: bool  # the second pass of an hour that comes twice
    ahead: timedelta


@cache  # all histories are of the same few days
def _local(zone: str, minute: int) -> Local:
    local = datetime.fromtimestamp(minute * 60, ZoneInfo(zone))
    ahead = local.utcoffset()
    assert ahead is not None
    return Local(f"{local:%H:%M}", bool(local.fold), ahead)
