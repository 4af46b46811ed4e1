"""Which jobs and runs events have changed, kept until the read models show it: who hears of one reads it at once.

It is bounded: beyond that it only knows that many have changed, and up to where.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from waterclock.model.outcomes import RunStatus
from waterclock.model.positions import Position
from waterclock.wire.envelope import Entry
from waterclock_api.live.sse import ends_of

TOLD_MOST = 200  # ids, of jobs and runs together
KEPT_MOST = 10 * TOLD_MOST
_OF_WORKERS = "worker."
_OF_STEPS = "step."  # which change nothing that a list shows


class Changed(NamedTuple):
    """`many`: more than are told, and none is."""

    jobs: tuple[str, ...] = ()
    runs: tuple[str, ...] = ()
    many: bool = False
    ended: Mapping[RunStatus, int] = {}


class News(NamedTuple):
    """Since it was asked last: whether something came that may change counts, and whether of workers."""

    heard: bool
    fleet: bool


class Changes:
    """Implements `live.subscriptions.Tap`."""

    def __init__(self) -> None:
        self._heard = self._fleet = False
        self.last: dict[int, Position] = {}  # by partition, what came last
        self._jobs: dict[str, Position] = {}
        self._runs: dict[str, Position] = {}
        self._many: dict[int, Position] | None = None
        self._ended = Counter[RunStatus]()

    def begin(self, partition: int, end: Position | None) -> None:
        if end is not None:
            self.last[partition] = end
            if self._many is not None:
                self._many[partition] = end

    def hear(self, entries: Sequence[Entry]) -> None:
        for entry in entries:
            self.last[entry.position.partition] = entry.position
            if entry.type.startswith(_OF_STEPS):
                continue
            self._heard = True
            self._fleet = self._fleet or entry.type.startswith(_OF_WORKERS)
            for kept, name in ((self._jobs, "job_id"), (self._runs, "run_id")):
                if (changed := getattr(entry.event, name, None)) is not None:
                    kept[changed] = entry.position
            if (status := ends_of(entry)) is not None:
                self._ended[status] += 1
        if len(self._jobs) + len(self._runs) > KEPT_MOST:
            self._forget(self._many or {})

    def lose(self) -> None:
        self._heard = self._fleet = True
        self._forget(self._many or {})

    def news(self) -> News:
        news = News(self._heard, self._fleet)
        self._heard = self._fleet = False
        return news

    def take(self, reached: Mapping[int, Position]) -> Changed:
        """What the read models show by now, where they have `reached` these positions; it is told once."""
        jobs = _shown(self._jobs, reached)
        runs = _shown(self._runs, reached)
        many = self._many is not None and all(_is_shown(position, reached) for position in self._many.values())
        if many:
            self._many = None
        ended, self._ended = self._ended, Counter[RunStatus]()
        for kept, shown in ((self._jobs, jobs), (self._runs, runs)):
            for one in shown:
                del kept[one]
        if many or len(jobs) + len(runs) > TOLD_MOST:
            return Changed(many=True, ended=ended)
        return Changed(jobs, runs, ended=ended)

    def _forget(self, before: Mapping[int, Position]) -> None:
        """Know only that many have changed, up to where it is now."""
        found = dict(before)
        for position in self._all():
            found[position.partition] = max(position, found.get(position.partition, position))
        self._many = found
        self._jobs, self._runs = {}, {}

    def _all(self) -> Iterable[Position]:
        yield from self._jobs.values()
        yield from self._runs.values()


def _shown(kept: Mapping[str, Position], reached: Mapping[int, Position]) -> tuple[str, ...]:
    return tuple(one for one, position in kept.items() if _is_shown(position, reached))


def _is_shown(position: Position, reached: Mapping[int, Position]) -> bool:
    place = reached.get(position.partition)
    return place is not None and place >= position
