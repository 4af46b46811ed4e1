"""Deciding for one partition: what is due is appended with the marks.

    read all jobs ─► rest: until the next instant, a bell, half a second ─► take in changes ─► decide what is due
                       ▲                                                                                │
                       └────────────────────────────────────────────────────────────────────────────────┘

The agenda may be out of date: a unit that was built on it is then refused as raced, its job read and decided again.
"""

from __future__ import annotations

import asyncio
import gc
import logging
from collections import Counter
from contextlib import aclosing

from waterclock.kit.clock import Clock, wait
from waterclock.kit.telemetry import catalog, traces
from waterclock.kit.telemetry.log_lines import Outage, Throttle
from waterclock.log.client import Log
from waterclock.log.commands import jobs, requests
from waterclock.log.commands.jobs import StoredJob
from waterclock.log.commands.requests import Decided, Request
from waterclock.log.connection.errors import ClockAhead, LogFull, UnknownQueue, Unreadable
from waterclock.model.cron.schedule import BadSchedule
from waterclock.model.ids import JobId
from waterclock.model.timestamps import stamp
from waterclock_scheduler import tracing
from waterclock_scheduler.agenda import Agenda
from waterclock_scheduler.batches import Batch, batches
from waterclock_scheduler.change_feed import ChangeFeed
from waterclock_scheduler.leadership import Term

LOOK_S = 0.5
"""How often the change feed is looked at, whatever was heard; and so the longest rest."""
BETWEEN_S = 0.25
"""How often what is due is decided while jobs are read: more calls of fewer jobs would keep the reading up."""
LATE_MS = 5_000
"""A decision that comes as late is worth a line."""
IN_FLIGHT = 2
"""Calls at a time, so that the store works while the next is built."""

log_line = logging.getLogger(__name__)


class Decider:
    """Decides for one partition, during one term."""

    def __init__(self, log: Log, term: Term, *, clock: Clock) -> None:
        self._log = log
        self._term = term
        self._store_clock = term.store_clock
        self._clock = clock
        self._agenda = Agenda()
        self._change_feed = ChangeFeed(log, term.partition)
        self._changed: set[JobId] = set()  # jobs to be read again
        self._stale = False  # the agenda
        self._wake = asyncio.Event()
        self._looked_at = 0.0  # monotonic
        self._held_until = 0.0  # monotonic: the store would not decide
        self._able_since = 0  # ms, by the store's clock
        self._throttle = Throttle(10)
        self._held = Outage(log_line, "decisions stopped", "decisions resumed", partition=term.partition)

    async def run(self) -> None:
        """Decide until the term is over.

        Raises:
            LogError: the partition must be taken anew.
        """
        await self._read_all()
        async with asyncio.TaskGroup() as tasks:
            watcher = tasks.create_task(self._wake_at_the_end(), name="wake at the end of the term")
            while not self._term.over.is_set():
                await self._take_in_changes()
                await self._decide_due()
                await self._rest()
            watcher.cancel()

    def changed(self, job_id: JobId) -> None:
        """The job was written: read it again."""
        self._changed.add(job_id)
        self._wake.set()

    def oldest_undecided_s(self) -> float:
        """How long the oldest undecided instant has been due, s; 0 when nothing is."""
        return self._since(0)

    def stuck_s(self) -> float:
        """As `oldest_undecided_s`, but only of the time in which the store would have let us decide."""
        return self._since(self._able_since)

    def _since(self, floor: int) -> float:
        next_at = self._agenda.next_at()
        return 0.0 if next_at is None else max(0.0, (self._store_clock.now() - max(next_at, floor)) / 1000)

    async def _wake_at_the_end(self) -> None:
        await self._term.over.wait()
        self._wake.set()

    async def _rest(self) -> None:
        now = self._clock.monotonic()
        seconds = max(self._looked_at + LOOK_S, self._held_until) - now
        next_at = self._agenda.next_at()
        self._term.next_at = next_at or 0
        if next_at is not None and self._may_decide:
            seconds = min(seconds, (next_at - self._store_clock.now()) / 1000)
        await wait(self._wake, seconds)
        self._wake.clear()

    # ------------------------------------------------------------------------------------------ what the jobs say now

    async def _read_all(self) -> None:
        """Read all jobs, which takes its time when there are a million; what is known is decided meanwhile."""
        await self._change_feed.listen()
        self._looked_at = self._clock.monotonic()
        self._stale = False
        self._changed.clear()
        self._able_since = self._store_clock.now()
        read: set[str] = set()
        decided_at = self._clock.monotonic()
        async for stored in jobs.scan_jobs(self._log, self._term.partition):
            for job in stored:
                self._plan(job)
                if isinstance(job, StoredJob):
                    read.add(job.job_id)
            gc.freeze()  # an agenda is large and has no cycles: collections would look through it for nothing
            if self._term.over.is_set():
                return
            if self._clock.monotonic() - decided_at >= BETWEEN_S:
                await self._decide_due()
                decided_at = self._clock.monotonic()
        self._agenda.keep_only(read)
        self._able_since = self._store_clock.now()
        log_line.info("jobs loaded", extra={"partition": self._term.partition, "jobs": len(self._agenda)})

    async def _take_in_changes(self) -> None:
        await self._look()
        if self._stale:
            await self._read_all()
            return
        if not self._changed:
            return
        changed, self._changed = self._changed, set()
        job_ids = sorted(changed)
        for job_id, job in zip(job_ids, await jobs.load_jobs(self._log, job_ids), strict=True):
            if job is None:
                self._agenda.drop(job_id)
            else:
                self._plan(job)

    async def _look(self) -> None:
        now = self._clock.monotonic()
        if now - self._looked_at < LOOK_S:
            return
        self._looked_at = now
        rung = await self._change_feed.rung()
        if rung is None:
            self._stale = True
        else:
            self._changed |= rung

    def _plan(self, job: StoredJob | Unreadable) -> None:
        """What cannot be planned is off the agenda, and undecided, until somebody has mended it."""
        if isinstance(job, Unreadable):
            self._agenda.drop(job.name)
            log_line.error("job unreadable", extra={"job": job.name, "error": str(job)})
            return
        try:
            self._agenda.put(job)
        except BadSchedule as error:
            log_line.warning("schedule refused", extra={"job": job.job_id, "error": str(error)})

    # ------------------------------------------------------------------------------------------------------ decisions

    @property
    def _may_decide(self) -> bool:
        return self._term.trusted and self._clock.monotonic() >= self._held_until

    async def _decide_due(self) -> None:
        if not self._may_decide:
            return
        now = self._store_clock.now()
        due = self._agenda.due(now)
        if not due:
            return
        room = asyncio.Semaphore(IN_FLIGHT)
        async with asyncio.TaskGroup() as calls, aclosing(batches(due, now)) as built:
            async for batch in built:
                await room.acquire()
                if not self._may_decide:
                    break
                calls.create_task(self._send(batch, room), name="decide")
                await asyncio.sleep(0)

    async def _send(self, batch: Batch, room: asyncio.Semaphore) -> None:
        try:
            await self._append(batch)
            self._held.over()
        except (ClockAhead, LogFull) as error:
            if isinstance(error, ClockAhead):
                self._store_clock.heard(error.now)
            self._held_until = self._clock.monotonic() + LOOK_S
            self._able_since = self._store_clock.now() + int(LOOK_S * 1000)
            self._held.failed(error)
        except UnknownQueue as error:
            self._leave_out(batch, error.queue)
        finally:
            room.release()

    def _leave_out(self, batch: Batch, queue: str) -> None:
        """One job must not hold up the others: who names the queue waits for a change, the others come again."""
        for _, unit in batch:
            if any(isinstance(item, Request) and item.queue == queue for item in unit.items):
                self._agenda.drop(unit.job_id)
                log_line.warning("no such queue", extra={"job": unit.job_id, "queue": queue})

    async def _append(self, batch: Batch) -> None:
        units = [unit for _, unit in batch]
        began_at = self._clock.monotonic()
        decided = await requests.decide(
            self._log, self._term.partition, units, term=self._term.number, expected_now=self._store_clock.now()
        )
        self._measure(batch, decided)
        if traces.tracing():
            seconds = self._clock.monotonic() - began_at
            tracing.decided(batch, decided, partition=self._term.partition, seconds=seconds)
        for (planned, unit), result in zip(batch, decided.results, strict=True):
            match result:
                case "done":
                    self._agenda.decided(planned, unit.through)
                case "raced":
                    self._changed.add(unit.job_id)
                case "future":
                    self._store_clock.refused(decided.now)
        self._store_clock.heard(decided.now)

    def _measure(self, batch: Batch, decided: Decided) -> None:
        """Before the agenda moves on: what a job owed first is then forgotten."""
        results = decided.results
        firsts = Counter(
            planned.next_at for (planned, _), result in zip(batch, results, strict=True) if result == "done"
        )
        if firsts and (late_ms := decided.now - min(firsts)) >= LATE_MS and self._throttle.may(self._clock.monotonic()):
            told = {"partition": self._term.partition, "instant": stamp(min(firsts)), "late_ms": late_ms}
            log_line.warning("schedule decision late", extra=told | {"jobs": firsts.total()})
        for first, times in firsts.items():
            catalog.DECISION_DELAY.observe(max(0, decided.now - first) / 1000, times=times)
        for result, times in Counter(results).items():
            catalog.DECISIONS.add(times, result)
