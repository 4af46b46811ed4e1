"""An outage of all schedulers → what the one that comes back would decide, by the rules it decides by.

    decided through `from` ── nobody decides ── back at `to`: settle ──► owed ──► overlap ──► what would be appended

Nothing is stored. Moments that are passed in are milliseconds since the epoch.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Literal

import msgspec

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

    run_id: RunId
    nominal_at: Stamp
    trigger: Trigger
    state: RequestedState
    ready_at: Stamp | None
    waiting_on: RunId | None
    folded: int
    replaced: bool


class Unfired(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Instants that would fire nothing; `runId`: the run that blocks them, or answers for them."""

    fate: Literal["skipped", "coalesced"]
    reason: str
    first: Stamp
    last: Stamp
    count: int
    run_id: RunId | None
    text: str


class Simulated(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The end of an outage under one policy: `instants` = `fired` + `skipped` + `coalesced`.

    `replaced` of the runs would end before they start. `runs` and `unfired`, oldest first, are cut where `truncated`.
    """

    misfire_policy: MisfirePolicy
    overlap_policy: Overlap
    instants: int
    fired: int
    skipped: int
    coalesced: int
    replaced: int
    first_run_at: Stamp | None
    last_run_at: Stamp | None
    last_ready_at: Stamp | None
    runs: tuple[PlannedRun, ...]
    unfired: tuple[Unfired, ...]
    truncated: bool


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
