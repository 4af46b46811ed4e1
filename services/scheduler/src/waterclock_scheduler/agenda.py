"""What is due next among the jobs of a partition.

Jobs of equal schedules stand together, by the moment through which they are decided (their floor): one entry in the
heap for each distinct schedule, one computation for all jobs that stand at the same floor.
"""

from __future__ import annotations

import heapq
from itertools import count

import msgspec

from waterclock.log.jobs import StoredJob
from waterclock.model.cron import Schedule
from waterclock.model.fires import bounds_of, schedule_of
from waterclock.model.job import Job
from waterclock.model.misfire import Policy, policy_of


class Planned(msgspec.Struct, kw_only=True, eq=False):
    """A job on the agenda. Its instants are those in (floor, ceiling]."""

    job: Job
    schedule: Schedule
    policy: Policy
    mark: int  # ms, as the partition has it
    floor: int  # ms: the mark, or just before `startAt`
    ceiling: int | None  # ms: `endAt`


class Due(msgspec.Struct, frozen=True, kw_only=True):
    """Jobs of one schedule with the same floor, and so with the same instants owed."""

    schedule: Schedule
    floor: int
    jobs: tuple[Planned, ...]


class _Group(msgspec.Struct, kw_only=True, eq=False):
    schedule: Schedule
    floors: dict[int, dict[str, Planned]]
    base: int  # `next_at` is the first instant after it; no job's floor is lower
    next_at: int | None


class Agenda:
    def __init__(self) -> None:
        self._jobs: dict[str, Planned] = {}
        self._groups: dict[Schedule, _Group] = {}
        self._heap: list[tuple[int, int, _Group]] = []
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

    def next_at(self) -> int | None:
        """When to look again, ms: no undecided instant is older. None when nothing is to come."""
        while self._heap:
            at, _, group = self._heap[0]
            if group.next_at == at and group.floors:
                return at
            heapq.heappop(self._heap)
        return None

    def due(self, now: int) -> list[Due]:
        """What is owed up to `now`: for each schedule the jobs whose next instant is its oldest undecided one.

        They stay where they are until `decided`, `put` or `drop` moves them; what they owe besides is found when they
        have been moved. Empty when nothing is owed.
        """
        found: list[Due] = []
        while not found and (at := self.next_at()) is not None and at <= now:
            found = self._oldest(now)
        return found

    def _oldest(self, now: int) -> list[Due]:
        """One round: empty also when all that is done is to learn how far groups have come."""
        found: list[Due] = []
        taken: list[_Group] = []
        while (at := self.next_at()) is not None and at <= now:
            _, _, group = heapq.heappop(self._heap)
            group.next_at = None
            taken.append(group)
            for floor in [floor for floor in group.floors if floor < at]:
                jobs = self._not_over(group.floors[floor], at)
                if jobs:
                    found.append(Due(schedule=group.schedule, floor=floor, jobs=jobs))
        for group in taken:
            if group.floors:
                self._expect(group, min(group.floors))
        return found

    def decided(self, planned: Planned, through: int) -> None:
        """The job's instants are decided through that moment, ms."""
        if self._jobs.get(planned.job.job_id) is not planned:
            return
        self._leave(planned)
        planned.mark = through
        planned.floor = max(planned.floor, through)
        self._stand(planned)

    def _not_over(self, jobs: dict[str, Planned], at: int) -> tuple[Planned, ...]:
        """Those that have an instant at that moment; the others have none any more, and leave."""
        for planned in tuple(jobs.values()):
            if planned.ceiling is not None and planned.ceiling < at:
                self.drop(planned.job.job_id)
        return tuple(jobs.values())

    def _stand(self, planned: Planned) -> None:
        floor = planned.floor
        group = self._groups.get(planned.schedule)
        if group is None:
            group = _Group(schedule=planned.schedule, floors={}, base=floor, next_at=None)
            self._groups[planned.schedule] = group
            self._expect(group, floor)
        elif floor < group.base:
            self._expect(group, floor)
        group.floors.setdefault(floor, {})[planned.job.job_id] = planned
        self._jobs[planned.job.job_id] = planned

    def _leave(self, planned: Planned) -> None:
        group = self._groups[planned.schedule]
        jobs = group.floors[planned.floor]
        del jobs[planned.job.job_id]
        if not jobs:
            del group.floors[planned.floor]
        if not group.floors:
            del self._groups[planned.schedule]

    def _expect(self, group: _Group, base: int) -> None:
        """Put the group in the heap at its first instant after `base`."""
        at = group.schedule.after(base)
        if at is not None and at != group.next_at:
            heapq.heappush(self._heap, (at, next(self._ties), group))
        group.base, group.next_at = base, at


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
        job=Job(job_id=stored.job_id, version=stored.version, definition=definition),
        schedule=schedule,
        policy=policy_of(definition),
        mark=stored.mark,
        floor=stored.mark if start_at is None else max(stored.mark, start_at - 1),
        ceiling=end_at,
    )
