"""Jobs, the scheduler that decides their instants, and the people who change them.

What becomes of an instant, of an edit and of a meeting run is the product's own say: `settle`, `settle_edit`, `owed`,
`Unfinished`, `decide`, `evolve`. Here is only what stands around them in the scheduler and the API.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from msgspec.structs import replace

from waterclock.model.definition import Definition
from waterclock.model.events import JobDeleted, JobDisabled, LeadershipTaken, RunRequested
from waterclock.model.ids import JobId, requested_run, retried_run
from waterclock.model.instants import backfill
from waterclock.model.instants.fires import Owed, owed
from waterclock.model.instants.misfire import Settlement, policy_of, settle, settle_edit
from waterclock.model.instants.overlap import Unfinished
from waterclock.model.instants.timetable import named_by
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
from waterclock.model.timestamps import millis, stamp
from waterclock_dev.sample.chance import Chance
from waterclock_dev.sample.clockwork import Clockwork
from waterclock_dev.sample.fleet import EPOCH, Fleet

_TERMS = EPOCH << 20


class Standing:
    """A job as it is now, and the moment through which it is decided."""

    __slots__ = ("definition", "deleted", "job_id", "mark", "version")

    def __init__(self, job_id: JobId, definition: Definition, mark: int) -> None:
        self.job_id = job_id
        self.definition = definition
        self.version = 1
        self.mark = mark
        self.deleted = False

    @property
    def job(self) -> Job:
        return Job(job_id=self.job_id, version=self.version, definition=self.definition)


class Desk:
    """All jobs by their names."""

    def __init__(self, clock: Clockwork, chance: Chance, fleet: Fleet, end: int) -> None:
        self._clock = clock
        self._chance = chance
        self._fleet = fleet
        self._end = end
        self._away_until = 0
        self._terms = _TERMS
        self._commands = 0
        self.jobs: dict[str, Standing] = {}

    # ---------------------------------------------------------------------------------------------------- scheduler

    def lead(self, scheduler: str) -> None:
        """Another scheduler takes the lead."""
        self._terms += 1
        self._clock.tell(LeadershipTaken(scheduler=scheduler, term=self._terms, actor="scheduler"))

    def leave(self, ms: int, back: str) -> None:
        """No scheduler decides anything for so long; `back` is the one that does then."""
        self._away_until = self._clock.now + ms
        self._clock.at(self._away_until, partial(self.lead, back))

    def _plan(self, one: Standing) -> None:
        """Decide the job's next instant when its time has come."""
        if one.deleted or not one.definition.enabled:
            return
        following = named_by(one.job_id, one.definition).after(max(one.mark, self._clock.now))
        if following is not None and following <= self._end:
            self._clock.at(following + self._chance.between(3, 40), partial(self._due, one, one.version))

    def _due(self, one: Standing, version: int) -> None:
        if one.version != version or one.deleted:
            return
        if self._clock.now < self._away_until:
            self._clock.at(self._away_until + self._chance.between(15, 400), partial(self._due, one, version))
            return
        definition, now = one.definition, self._clock.now
        while one.mark < now:
            found = settle(named_by(one.job_id, definition), mark=one.mark, now=now, policy=policy_of(definition))
            self._append(one, found)
        self._plan(one)

    def _append(
        self, one: Standing, found: Settlement, actor: str = "scheduler", command_id: str | None = None
    ) -> None:
        for each in owed(one, found, mark=one.mark, actor=actor, command_id=command_id):
            self._meet(one, each)
        one.mark = found.through

    def _meet(self, one: Standing, each: Owed, *, waits: bool = False) -> None:
        """Append one decision; a run meets the unfinished ones of its job. `waits`: for them, whatever the policy."""
        if not isinstance(each.event, RunRequested):
            self._clock.tell(each.event)
            return
        overlap = one.definition.overlap
        if waits and overlap != "allow":
            overlap = "buffer_all"
        here = self._fleet.unfinished(one.job_id)
        known = Unfinished(run.run_id for run in here if run.state == "running")
        for run in here:
            if run.state != "running":
                known.meet(Owed(event=run.request), "buffer_all", now=self._clock.now)
        met = known.meet(each, overlap, now=self._clock.now)
        if overlap == "cancel_other" and isinstance(met, RunRequested):
            for run in here:
                self._fleet.cancel(run, "replaced")
        if isinstance(met, RunRequested):
            self._fleet.requested(met)
        else:
            self._clock.tell(met)

    # ------------------------------------------------------------------------------------------------------- people

    def command_id(self) -> str:
        self._commands += 1
        return f"sample{self._chance.bits():016x}"[:20]

    def create(self, name: str, job_id: JobId, definition: Definition, actor: str) -> None:
        one = self.jobs[name] = Standing(job_id, definition, self._clock.now)
        (event,) = decide(None, Create(job_id=job_id, definition=definition), job_id=job_id)
        now = stamp(self._clock.now)
        self._clock.tell(replace(event, actor=actor, command_id=self.command_id(), after=now, through=now))
        self._plan(one)

    def edit(
        self, name: str, actor: str, change: Callable[[Definition], Definition], reason: str | None = None
    ) -> None:
        """Change the definition of a job that is enabled."""
        self._command(name, actor, Replace(definition=change(self.jobs[name].definition), reason=reason))

    def disable(self, name: str, actor: str, reason: str) -> None:
        self._command(name, actor, SetStatus(status="1", reason=reason))

    def enable(self, name: str, actor: str, reason: str) -> None:
        self._command(name, actor, SetStatus(status="0", reason=reason))

    def delete(self, name: str, actor: str, reason: str) -> None:
        self._command(name, actor, Delete(reason=reason))

    def clear_logs(self, name: str, actor: str) -> None:
        """Delete all lines that runs of the job have written so far."""
        one = self.jobs[name]
        (event,) = decide(one.job, ClearLogs(), job_id=one.job_id)
        self._clock.tell(replace(event, actor=actor, command_id=self.command_id()))

    def _command(self, name: str, actor: str, command: JobCommand) -> None:
        """As the API does it: settle what the job owes, append the change, and end what must not start any more."""
        one, now, command_id = self.jobs[name], self._clock.now, self.command_id()
        job = one.job
        events = decide(job, command, job_id=one.job_id)
        (event,) = events
        reason, following = must_settle(job, events), evolve(job, event)
        enables = not job.definition.enabled and following is not None and following.definition.enabled
        if reason is not None:
            before = one.definition
            while one.mark < now:
                found = settle_edit(
                    named_by(one.job_id, before), mark=one.mark, now=now, policy=policy_of(before), reason=reason
                )
                if not found.decisions:
                    break
                self._append(one, found, actor, command_id)
        given = {"actor": actor, "command_id": command_id}
        if reason is not None or enables:
            given |= {"after": stamp(one.mark), "through": stamp(now)}
            one.mark = now
        bars = isinstance(event, JobDisabled)
        self._clock.tell(replace(event, **given, bars=bars))
        one.version += 1
        one.deleted = following is None
        if following is not None:
            one.definition = following.definition
        if bars or isinstance(event, JobDeleted):
            for run in self._fleet.unfinished(one.job_id):
                if run.state != "running":
                    self._fleet.cancel(run, "jobDisabled" if bars else "jobDeleted")
        self._plan(one)

    def trigger(
        self, name: str, actor: str, reason: str | None = None, *, delay_ms: int = 0, **given: object
    ) -> RunRequested:
        """Request a run by hand, to begin after a while where that is said; it waits for others of its job."""
        one, command_id = self.jobs[name], self.command_id()
        definition = one.definition
        request = RunRequested(
            run_id=requested_run(one.job_id, command_id),
            job_id=one.job_id,
            job_name=definition.job_name,
            job_group=definition.job_group,
            version=one.version,
            trigger="manual",
            ready_at=stamp(self._clock.now + delay_ms) if delay_ms else None,
            invoke_target=definition.invoke_target,
            params=definition.invoke_params,
            queue=definition.queue,
            timeout=definition.timeout,
            retry=definition.retry,
            labels=definition.labels,
            reason=reason,
            actor=actor,
            command_id=command_id,
        )
        request = replace(request, **given) if given else request
        self._meet(one, _owed(request), waits=True)
        return request

    def retry(self, ended: RunRequested, actor: str, reason: str) -> None:
        """Run an ended run again, as it was."""
        command_id = self.command_id()
        request = replace(
            ended,
            run_id=retried_run(ended.run_id, command_id),
            trigger="retry",
            retry_of=ended.run_id,
            ready_at=None,
            after=None,
            through=None,
            folded=0,
            folded_first=None,
            policy=None,
            state="queued",
            serial=False,
            waiting_on=None,
            reason=reason,
            actor=actor,
            command_id=command_id,
        )
        for one in self.jobs.values():
            if one.job_id == ended.job_id:
                self._meet(one, _owed(request), waits=True)

    def backfill(self, name: str, actor: str, reason: str, *, from_ms: int, to_ms: int, pace_ms: int = 0) -> None:
        """Request a run for each instant in a past range."""
        one, command_id = self.jobs[name], self.command_id()
        found = backfill.plan(one.job, from_ms=from_ms, to_ms=to_ms, mark=one.mark, limit=100)
        for place, instant in enumerate(found.instants):
            ready_at = stamp(self._clock.now + place * pace_ms) if place * pace_ms else None
            request = backfill.requested(
                one, instant, ready_at=ready_at, command_id=command_id, actor=actor, reason=reason
            )
            self._meet(one, _owed(request), waits=True)


def _owed(request: RunRequested) -> Owed:
    return Owed(event=request, ready_at=0 if request.ready_at is None else millis(request.ready_at))
