"""What is due next among the jobs of a partition.

    schedule ── group ── slot for each next instant ── jobs that owe it first
                           └── in the heap, by that instant

Jobs of equal schedules whose next instant is the same owe the same instants, whatever their marks: one entry in the
heap and one computation for all of them. Of a job only what finds its instants stands here as it is; the rest of its
definition is packed until it is due, for there may be a million.
"""

from __future__ import annotations

import heapq
from collections.abc import Set as AbstractSet
from itertools import count

import msgspec

from waterclock.log.commands.jobs import StoredJob
from waterclock.model.definition import Definition
from waterclock.model.ids import JobId
from waterclock.model.instants.misfire import Policy, policy_of
from waterclock.model.instants.timetable import Timetable, bounds_of, schedule_of
from waterclock.model.job import Job


class Planned(msgspec.Struct, kw_only=True, eq=False, gc=False):
    """A job on the agenda. Its instants are those in (floor, ceiling]."""

    job_id: JobId
    version: int
    schedule: Timetable
    policy: Policy
    mark: int  # ms, as the partition has it
    floor: int  # ms: the mark, or just before `startAt`
    ceiling: int | None  # ms: `endAt`
    packed: bytes  # its definition
    next_at: int = 0  # ms: the first instant after the floor

    def job(self) -> Job:
        return Job(job_id=self.job_id, version=self.version, definition=_unpack(self.packed))


class Due(msgspec.Struct, frozen=True, kw_only=True):
    """Jobs of one schedule that owe the same instants, those after `floor`."""

    schedule: Timetable
    floor: int
    jobs: tuple[Planned, ...]


class _Slot(msgspec.Struct, kw_only=True, eq=False):
    """The jobs of a schedule whose next instant is this one; once it is empty it is done with."""

    schedule: Timetable
    at: int
    jobs: dict[JobId, Planned]


class _Group(msgspec.Struct, kw_only=True, eq=False):
    slots: dict[int, _Slot]
    base: int  # `next_at` is the first instant after it
    next_at: int | None


class Agenda:
    def __init__(self) -> None:
        self._jobs: dict[str, Planned] = {}
        self._groups: dict[Timetable, _Group] = {}
        self._heap: list[tuple[int, int, _Slot]] = []
        self._ties = count()

    def __len__(self) -> int:
        return len(self._jobs)

    def put(self, job: StoredJob) -> None:
        """Plan a job as it is now stored, in place of what was known of it.

        Raises:
            BadSchedule: its schedule cannot be read; the job is off the agenda.
        """
        self.drop(job.job_id)
        planned = _plan(job)
        if planned is not None:
            self._stand(planned)

    def drop(self, job_id: str) -> None:
        planned = self._jobs.pop(job_id, None)
        if planned is not None:
            self._leave(planned)

    def keep_only(self, job_ids: AbstractSet[str]) -> None:
        """Drop all other jobs."""
        for job_id in self._jobs.keys() - job_ids:
            self.drop(job_id)

    def next_at(self) -> int | None:
        """When to look again, ms: no undecided instant is older. None when nothing is to come."""
        while self._heap:
            at, _, slot = self._heap[0]
            if slot.jobs:
                return at
            heapq.heappop(self._heap)
        return None

    def due(self, now: int) -> list[Due]:
        """What is owed up to `now`, oldest first; empty when nothing is.

        The jobs stay where they are until `decided`, `put` or `drop` moves them.
        """
        found: list[Due] = []
        taken: list[tuple[int, int, _Slot]] = []
        while (at := self.next_at()) is not None and at <= now:
            entry = heapq.heappop(self._heap)
            taken.append(entry)
            slot = entry[2]
            found.append(Due(schedule=slot.schedule, floor=at - 1, jobs=tuple(slot.jobs.values())))
        for entry in taken:
            heapq.heappush(self._heap, entry)
        return found

    def decided(self, planned: Planned, through: int) -> None:
        """The job's instants are decided through that moment, ms."""
        if self._jobs.get(planned.job_id) is not planned:
            return
        self._leave(planned)
        planned.mark = through
        planned.floor = max(planned.floor, through)
        self._stand(planned)

    def _stand(self, planned: Planned) -> None:
        """Put a job where it is due next; nowhere, when no instant is left."""
        group = self._groups.get(planned.schedule)
        if group is None:
            group = _Group(slots={}, base=planned.floor, next_at=planned.schedule.after(planned.floor))
        at = _next_after(group, planned)
        if at is None or (planned.ceiling is not None and planned.ceiling < at):
            self._jobs.pop(planned.job_id, None)
            return
        planned.next_at = at
        slot = group.slots.get(at)
        if slot is None:
            slot = group.slots[at] = _Slot(schedule=planned.schedule, at=at, jobs={})
            heapq.heappush(self._heap, (at, next(self._ties), slot))
            self._groups[planned.schedule] = group
        slot.jobs[planned.job_id] = planned
        self._jobs[planned.job_id] = planned

    def _leave(self, planned: Planned) -> None:
        group = self._groups[planned.schedule]
        slot = group.slots[planned.next_at]
        del slot.jobs[planned.job_id]
        if not slot.jobs:
            del group.slots[planned.next_at]
            if not group.slots:
                del self._groups[planned.schedule]


def _next_after(group: _Group, planned: Planned) -> int | None:
    """The job's next instant; computed once for all floors between two instants, mostly."""
    floor = planned.floor
    if group.base <= floor and (group.next_at is None or floor < group.next_at):
        return group.next_at
    group.base, group.next_at = floor, planned.schedule.after(floor)
    return group.next_at


def _plan(stored: StoredJob) -> Planned | None:
    """How the job stands on the agenda; None when it names no instant: disabled, on demand only."""
    definition = stored.definition
    if not definition.enabled:
        return None
    schedule = schedule_of(stored.job_id, definition)
    if schedule is None:
        return None
    start_at, end_at = bounds_of(definition)
    return Planned(
        job_id=stored.job_id,
        version=stored.version,
        schedule=schedule,
        policy=policy_of(definition),
        mark=stored.mark,
        floor=stored.mark if start_at is None else max(stored.mark, start_at - 1),
        ceiling=end_at,
        packed=_packed(definition),
    )


def _packed(definition: Definition) -> bytes:
    values = msgspec.structs.astuple(definition)
    while values[-1] is msgspec.UNSET:  # what a definition may lack stands at its end
        values = values[:-1]
    return _pack(values)


class _Row(Definition, frozen=True, kw_only=True, array_like=True):
    """A definition without the names of its fields: a tenth of what it is as a struct of its own."""


_pack = msgspec.msgpack.Encoder().encode
_unpack = msgspec.msgpack.Decoder(_Row).decode
