"""A job's settlement → the events that record it, in their order.

    mark ──────────── last of the first ──────────── last of the second ─────── through
      after ── first event ── through = after ── second event ── through = after ─ … ─┘

Each event bounds the part of (mark, through] that it decides, so the chain of them proves that none is missing. All ids
follow from job and instant: whoever decides again names the same.
"""

import hashlib
from collections.abc import Callable
from typing import Protocol, assert_never

import msgspec

from waterclock.model.cron.schedule import TZDATA_VERSION
from waterclock.model.definition import Definition
from waterclock.model.events import FireCoalesced, FireSkipped, RunRequested, SkipReason
from waterclock.model.ids import JobId, RunId, due_run
from waterclock.model.instants.misfire import Coalesce, Decision, Fire, Settlement, Skip, digest
from waterclock.model.timestamps import Stamp, stamp

Trace = Callable[[RunId], str | None]
"""The traceparent that a run of an instant (ms) begins with."""


class Owing(Protocol):
    """A job as it is now."""

    @property
    def job_id(self) -> JobId: ...
    @property
    def version(self) -> int: ...
    @property
    def definition(self) -> Definition: ...


class Owed(msgspec.Struct, frozen=True, kw_only=True):
    """One event of a settlement."""

    event: RunRequested | FireSkipped | FireCoalesced
    otherwise: FireSkipped | FireCoalesced | None = None  # in place of a run that must not overlap another
    ready_at: int = 0  # ms, of a run; 0: at once


def owed(
    job: Owing,
    settlement: Settlement,
    *,
    mark: int,
    actor: str = "scheduler",
    command_id: str | None = None,
    trace: Trace | None = None,
    tzdata: str = TZDATA_VERSION,
) -> tuple[Owed, ...]:
    """The events for all decisions of a settlement of (mark, through]; empty where it holds no instant.

    `command_id` and `actor` are those of an edit, when one settles.
    """
    found: list[Owed] = []
    after, last = stamp(mark), len(settlement.decisions) - 1
    for place, decision in enumerate(settlement.decisions):
        through = stamp(settlement.through if place == last else _end(decision))
        part = _Part(job, job.definition, actor, command_id, tzdata, after, through, settlement.through)
        match decision:
            case Fire():
                found.append(part.run(decision, trace))
            case Skip():
                found.append(Owed(event=part.skipped(decision)))
            case Coalesce():
                found.append(Owed(event=part.coalesced(decision)))
            case _:
                assert_never(decision)
        after = through
    return tuple(found)


def jitter_ms(run_id: RunId, longest_s: float) -> int:
    """How long the run of an instant is put off, below `longest_s`; the same whenever it is asked."""
    if not longest_s:
        return 0
    drawn = int.from_bytes(hashlib.sha256(run_id.encode()).digest()[:6], "big")
    return int(longest_s * 1000) * drawn >> 48


def _end(decision: Decision) -> int:
    return decision.instant if isinstance(decision, Fire) else decision.last


class _Part(msgspec.Struct, frozen=True, gc=False):
    """One decision's share of the interval, and what all its events carry."""

    job: Owing
    definition: Definition
    actor: str
    command_id: str | None
    tzdata: str
    after: Stamp
    through: Stamp
    now: int

    def run(self, fire: Fire, trace: Trace | None) -> Owed:
        job, definition = self.job, self.definition
        run_id = due_run(job.job_id, fire.instant)
        ready_at = fire.ready_at + jitter_ms(run_id, definition.jitter)
        delayed = ready_at > self.now
        requested = RunRequested(
            run_id=run_id,
            job_id=job.job_id,
            job_name=definition.job_name,
            job_group=definition.job_group,
            version=job.version,
            trigger=fire.trigger,
            nominal_at=stamp(fire.instant),
            ready_at=stamp(ready_at) if delayed else None,
            invoke_target=definition.invoke_target,
            params=definition.invoke_params,
            queue=definition.queue,
            timeout=definition.timeout,
            retry=definition.retry,
            labels=definition.labels,
            policy=definition.misfire_policy if fire.trigger == "catchup" else None,
            folded=fire.folded,
            folded_first=None if fire.folded_first is None else stamp(fire.folded_first),
            tzdata=self.tzdata,
            after=self.after,
            through=self.through,
            actor=self.actor,
            command_id=self.command_id,
            traceparent=None if trace is None else trace(run_id),
        )
        return Owed(event=requested, otherwise=self._blocked(fire.instant), ready_at=ready_at if delayed else 0)

    def skipped(self, skip: Skip) -> FireSkipped:
        first, last, policy = stamp(skip.first), stamp(skip.last), self.definition.misfire_policy
        return self._skipped(first, last, skip.count, skip.digest, skip.reason, policy)

    def coalesced(self, one: Coalesce) -> FireCoalesced:
        first, last, policy = stamp(one.first), stamp(one.last), self.definition.misfire_policy
        return self._coalesced(first, last, one.count, one.digest, due_run(self.job.job_id, one.into), policy)

    def _blocked(self, instant: int) -> FireSkipped | FireCoalesced | None:
        """What the instant becomes if an unfinished run of the job stands in the way."""
        overlap = self.definition.overlap
        if overlap == "allow":
            return None
        at, said = stamp(instant), digest((instant,))
        if overlap == "buffer_one" or overlap == "cancel_other":  # into the run that waits already
            return self._coalesced(at, at, 1, said, None, overlap)
        return self._skipped(at, at, 1, said, "overlap" if overlap == "skip" else "overflow", overlap)

    def _skipped(
        self, first: Stamp, last: Stamp, count: int, said: str, reason: SkipReason, policy: str
    ) -> FireSkipped:
        return FireSkipped(
            job_id=self.job.job_id,
            reason=reason,
            policy=policy,
            first=first,
            last=last,
            count=count,
            digest=said,
            tzdata=self.tzdata,
            after=self.after,
            through=self.through,
            actor=self.actor,
            command_id=self.command_id,
        )

    def _coalesced(
        self, first: Stamp, last: Stamp, count: int, said: str, into: RunId | None, policy: str
    ) -> FireCoalesced:
        return FireCoalesced(
            job_id=self.job.job_id,
            policy=policy,
            first=first,
            last=last,
            count=count,
            digest=said,
            into=into,
            tzdata=self.tzdata,
            after=self.after,
            through=self.through,
            actor=self.actor,
            command_id=self.command_id,
        )
