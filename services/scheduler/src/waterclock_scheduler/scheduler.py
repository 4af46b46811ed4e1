"""One scheduler: its terms, and the decider of each partition it leads."""

from __future__ import annotations

import asyncio

from waterclock.kit.clock import Clock
from waterclock.kit.telemetry import catalog
from waterclock.log.client import Log
from waterclock.model.ids import JobId
from waterclock_scheduler.decider import Decider
from waterclock_scheduler.discovery import Peers
from waterclock_scheduler.leadership import Leadership, Term
from waterclock_scheduler.pauses import keep_pauses


class Scheduler:
    def __init__(self, name: str, *, ttl_s: float, clock: Clock) -> None:
        self.name = name
        self.peers = Peers(name, clock)
        self._ttl_s = ttl_s
        self._clock = clock
        self._deciders: dict[int, Decider] = {}
        self._terms: Leadership | None = None

    async def run(self, log: Log, stop: asyncio.Event) -> None:
        """Lead and decide until `stop`; then hand over."""

        async def work(term: Term) -> None:
            decider = self._deciders[term.partition] = Decider(log, term, clock=self._clock)
            try:
                async with asyncio.TaskGroup() as tasks:
                    pauses = tasks.create_task(keep_pauses(log, term), name="keep pauses")
                    await decider.run()
                    pauses.cancel()
            finally:
                del self._deciders[term.partition]

        self._terms = Leadership(log, self.peers, ttl_s=self._ttl_s, clock=self._clock, work=work)
        await self._terms.compete(stop)

    @property
    def leads(self) -> tuple[int, ...]:
        """The partitions led now, ascending."""
        return tuple(sorted(self._deciders))

    def changed(self, partition: int, job_id: JobId) -> None:
        """A job was written; said of every partition, of use where we lead."""
        if (decider := self._deciders.get(partition)) is not None:
            decider.changed(job_id)

    def left(self, scheduler: str) -> None:
        """Another scheduler has handed over and is gone."""
        self.peers.left(scheduler)
        if self._terms is not None:
            self._terms.look()

    def oldest_undecided_s(self) -> dict[int, float]:
        """Of each partition led: how long its oldest undecided instant has been due, s; 0 when none is. A gauge."""
        return {partition: self._deciders[partition].oldest_undecided_s() for partition in self.leads}

    async def look(self) -> None:
        """Set the gauges of what is so now."""
        catalog.LED.set(len(self._deciders))
        ages = self.oldest_undecided_s()
        catalog.UNDECIDED.replace({(str(partition),): age for partition, age in ages.items()})

    def stuck_s(self) -> float:
        """The same without the time in which nothing could be decided: the measure of liveness."""
        return max((decider.stuck_s() for decider in self._deciders.values()), default=0.0)
