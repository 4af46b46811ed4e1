"""An outage of all schedulers → what the one that comes back would decide, by the rules it decides by.

    decided through `from` ── nobody decides ── back at `to`: settle ──► owed ──► overlap ──► what would be appended

Nothing is stored. Moments that are passed in are milliseconds since the epoch.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from waterclock.model.definition import Definition, MisfirePolicy, Overlap
from waterclock.model.events import RequestedState, RunRequested, Trigger
from waterclock.model.ids import RunId
from waterclock.model.instants.fires import Owing, owed
from waterclock.model.instants.misfire import policy_of, settle
from waterclock.model.instants.overlap import Unfinished
from waterclock.model.instants.reasons import decided
from waterclock.model.instants.table import Row, Supposed, supposed, table
from waterclock.model.instants.timetable import named_by
from waterclock.model.timestamps import Stamp, stamp


class PlannedRun(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A run that would be requested. `replaced`: a later one would end it before it starts."""

    run_id: Annotated[RunId, Meta(description="Id that the run would have.")]
    nominal_at: Annotated[Stamp, Meta(description="Scheduled time.")]
    trigger: Annotated[Trigger, Meta(description="`schedule`, or `catchup` if it was late.")]
    state: Annotated[RequestedState, Meta(description="Status in which the run would begin.")]
    ready_at: Annotated[Stamp | None, Meta(description="Earliest start; null: at once.")]
    waiting_on: Annotated[RunId | None, Meta(description="Id of the run that it would wait behind.")]
    folded: Annotated[int, Meta(description="Late scheduled times that would be merged into it.")]
    replaced: Annotated[bool, Meta(description="Whether a later run would cancel it before it starts.")]


class Unfired(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Scheduled times that would start no run of their own."""

    fate: Annotated[Literal["skipped", "coalesced"], Meta(description="Outcome: skipped, or merged (`coalesced`).")]
    reason: Annotated[str, Meta(description="The rule in one word.")]
    first: Annotated[Stamp, Meta(description="The first of them.")]
    last: Annotated[Stamp, Meta(description="The last of them.")]
    count: Annotated[int, Meta(description="How many there are.")]
    run_id: Annotated[RunId | None, Meta(description="Id of the run that blocks them, or that they are merged into.")]
    text: Annotated[str, Meta(description="The reason in a sentence.")]


class Simulated(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The end of an outage under one misfire policy."""

    misfire_policy: Annotated[MisfirePolicy, Meta(description="The misfire policy.")]
    overlap_policy: Annotated[Overlap, Meta(description="The overlap policy that goes with it.")]
    instants: Annotated[int, Meta(description="Scheduled times in the outage: `fired` + `skipped` + `coalesced`.")]
    fired: Annotated[int, Meta(description="Runs that would be requested.")]
    skipped: Annotated[int, Meta(description="Scheduled times that would be skipped.")]
    coalesced: Annotated[int, Meta(description="Scheduled times that would be merged into another run.")]
    replaced: Annotated[int, Meta(description="Runs that later ones would cancel before they start.")]
    first_run_at: Annotated[Stamp | None, Meta(description="Scheduled time of the first run.")]
    last_run_at: Annotated[Stamp | None, Meta(description="Scheduled time of the last run.")]
    last_ready_at: Annotated[Stamp | None, Meta(description="Latest of the earliest starts.")]
    runs: Annotated[tuple[PlannedRun, ...], Meta(description="The runs, oldest first, at most `limit`.")]
    unfired: Annotated[
        tuple[Unfired, ...], Meta(description="The scheduled times without a run, oldest first, at most `limit`.")
    ]
    truncated: Annotated[bool, Meta(description="Whether `runs` or `unfired` leave some out.")]


def simulate(job: Owing, *, from_ms: int, to_ms: int, running: bool = False, limit: int = 50) -> Simulated:
    """What would become of the job's instants in (from, to], had nobody decided them before `to`.

    The job is taken as enabled. `running`: a run of it is unfinished at `to`.

    Raises:
        BadSchedule: the definition cannot be read.
    """
    line = Unfinished((RunId(f"{job.job_id}-running"),) if running else ())
    rows = [row for row in table(_supposed(job, line, from_ms, to_ms), now=to_ms) if row.decision is not None]
    replaced = frozenset(line.replaced)
    events = (row.decision.event for row in rows if row.decision is not None)
    runs = [_planned(event, replaced) for event in events if isinstance(event, RunRequested)]
    unfired = list(_unfired(rows, job.definition))
    fates = {fate: sum(one.count for one in unfired if one.fate == fate) for fate in ("skipped", "coalesced")}
    ready = [run.ready_at for run in runs if run.ready_at is not None and not run.replaced]
    return Simulated(
        misfire_policy=job.definition.misfire_policy,
        overlap_policy=job.definition.overlap,
        instants=len(runs) + sum(fates.values()),
        fired=len(runs),
        skipped=fates["skipped"],
        coalesced=fates["coalesced"],
        replaced=len(replaced),
        first_run_at=runs[0].nominal_at if runs else None,
        last_run_at=runs[-1].nominal_at if runs else None,
        last_ready_at=max(ready, default=None),
        runs=tuple(runs[:limit]),
        unfired=tuple(unfired[:limit]),
        truncated=max(len(runs), len(unfired)) > limit,
    )


def _supposed(job: Owing, line: Unfinished, mark: int, now: int) -> Iterator[Supposed]:
    """A past in which nobody decided before `now`."""
    yield supposed(job.job_id, job.definition, mark)
    named, policy = named_by(job.job_id, job.definition), policy_of(job.definition)
    while mark < now:
        settlement = settle(named, mark=mark, now=now, policy=policy)
        for one in owed(job, settlement, mark=mark):
            yield Supposed(now, line.meet(one, job.definition.overlap, now=now))
        mark = settlement.through


def _planned(event: RunRequested, replaced: frozenset[RunId]) -> PlannedRun:
    assert event.nominal_at is not None
    return PlannedRun(
        run_id=event.run_id,
        nominal_at=event.nominal_at,
        trigger=event.trigger,
        state=event.state,
        ready_at=event.ready_at,
        waiting_on=event.waiting_on,
        folded=event.folded,
        replaced=event.run_id in replaced,
    )


def _unfired(rows: Iterable[Row], definition: Definition) -> Iterator[Unfired]:
    """One for each decision without a run; those that say the same, with no run between them, are one."""
    for (fate, reason, run_id), alike in groupby(rows, lambda row: (row.fate, row.reason, row.run_id)):
        if fate != "skipped" and fate != "coalesced":
            continue
        said = [row.decision for row in alike if row.decision is not None]
        first, last = said[0], said[-1]
        assert reason is not None
        yield Unfired(
            fate=fate,
            reason=reason,
            first=stamp(first.first),
            last=stamp(last.last),
            count=sum(one.count for one in said),
            run_id=run_id,
            text=decided(first.first, first, definition, None),
        )
