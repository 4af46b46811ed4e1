"""Competing for the leadership of partitions: held until, trusted until.

    take ──► lead, renewing each third of the term ──► over ──► take again
               │ trusted from before the renewal was sent until its end less a margin
               └ over: lost, given away to a scheduler that leads too little, or asked to stop

Leadership only saves work: a leader that is wrong about it is refused by the partition.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from waterclock.kit.cancellation import apart
from waterclock.kit.clock import Clock, wait
from waterclock.kit.randomness import fraction
from waterclock.kit.telemetry import catalog
from waterclock.log.client import Log
from waterclock.log.commands.bodies import part
from waterclock.log.connection.errors import Halted, LogError, LogFull, LogUnavailable
from waterclock.log.liveness import leadership
from waterclock.log.liveness.leadership import Lead
from waterclock.log.liveness.store_clock import StoreClock, StoreClocks
from waterclock.model.events import LeadershipTaken
from waterclock_scheduler.discovery import Peers

MARGIN_S = 0.3
LONGEST_PAUSE_S = 2.0
LONG_S = 10.0
"""What went well for so long has nothing to do with the failure before."""
OPENED_WITHIN_S = 5.0
"""At a start a projector opens the partitions in this time; until then it is no warning that they are closed."""
ABANDONED_AFTER_S = 6.0
"""A partition that nobody has led for so long is taken also by a scheduler that leads its share."""

log_line = logging.getLogger(__name__)


class Term:
    """The leadership of one partition, for as long as it may be trusted."""

    def __init__(self, partition: int, number: int, clock: Clock, store_clock: StoreClock) -> None:
        self.partition = partition
        self.number = number
        self.store_clock = store_clock
        self.next_at: int | None = None  # ms: what the leader says of it when it renews (`leaders.lead`)
        self.over = asyncio.Event()
        self.lost = False
        self._clock = clock
        self._trusted_until = 0.0

    @property
    def trusted(self) -> bool:
        return not self.over.is_set() and self._clock.monotonic() < self._trusted_until

    def extend(self, sent_at: float, lead: Lead) -> None:
        """Take in the answer to a renewal that was sent at that monotonic second."""
        self._trusted_until = sent_at + (lead.until - lead.now) / 1000 - MARGIN_S


class Leadership:
    """`work` is what a leader does, until its term is over or an error of the log ends both."""

    def __init__(
        self, log: Log, peers: Peers, *, ttl_s: float, clock: Clock, work: Callable[[Term], Awaitable[None]]
    ) -> None:
        self.held: dict[int, Term] = {}
        self._log = log
        self._peers = peers
        self._ttl_s = ttl_s
        self._clock = clock
        self._work = work
        self._body = part(LeadershipTaken, scheduler=peers.scheduler, actor="scheduler")
        self._store_clocks = StoreClocks(clock)  # of every partition, led or not: a leap is one beyond any term
        self._freed = asyncio.Event()
        self._seen: dict[int, tuple[bytes | None, float]] = {}  # partition → end of its term, since when (monotonic)

    async def compete(self, stop: asyncio.Event) -> None:
        """Lead what may be led, until `stop`; then everything is handed over at once."""
        async with asyncio.TaskGroup() as tasks:
            for partition in range(self._log.partitions):
                tasks.create_task(self._compete(partition, stop), name=f"compete for partition {partition}")
            await stop.wait()
            self.look()
            for term in self.held.values():
                term.over.set()

    def look(self) -> None:
        """Look now what may be led: another scheduler has left."""
        self._freed.set()
        self._freed = asyncio.Event()

    async def _compete(self, partition: int, stop: asyncio.Event) -> None:
        failures = 0  # one soon after the other
        started_at = self._clock.monotonic()
        pause, told = 0.0, ("", 0)
        while not stop.is_set():
            began_at = self._clock.monotonic()
            freed = self._freed  # of before the look: what is freed while we look was perhaps not seen
            try:
                pause = await apart(self._take(partition, stop), name=f"take {partition}")
                failures, told = 0, ("", 0)
            except* LogError as errors:
                failures = 1 if self._clock.monotonic() - began_at > LONG_S else failures + 1
                pause = min(LONGEST_PAUSE_S, 0.1 * 2**failures) * (0.5 + fraction() / 2)
                found = _first(errors)
                error = f"{type(found).__name__}: {found}"
                level = level_of(found, self._clock.monotonic() - started_at)
                if failures == 1 or (error, level) != told:  # an outage is one line for each thing that is wrong
                    log_line.log(level, "waiting for leadership", extra={"partition": partition, "error": error})
                told = error, level
            if not stop.is_set():
                await wait(freed, pause)

    async def _take(self, partition: int, stop: asyncio.Event) -> float:
        """Take the partition if it is free and lead it until that is over; how long to wait before the next try, s."""
        pause = self._ttl_s / 3
        if self._has_its_share() and not await self._is_abandoned(partition):
            return pause
        sent_at = self._clock.monotonic()
        lead = await self._lead(partition, None)
        if not lead.mine:
            return min(pause, max(0.01, (lead.until - lead.now) / 1000))
        term = Term(partition, lead.term, self._clock, self._store_clocks.of(partition))
        term.extend(sent_at, lead)
        self.held[partition] = term
        try:
            if not stop.is_set():
                await self._serve(term)
        finally:
            del self.held[partition]
        if not term.lost:
            await leadership.release(self._log, partition, scheduler=self._peers.scheduler, term=term.number)
            log_line.info("leadership released", extra={"partition": partition, "term": term.number})
        return pause

    async def _serve(self, term: Term) -> None:
        catalog.TERMS.add(1)
        log_line.info("leading", extra={"partition": term.partition, "term": term.number})
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._keep(term), name=f"keep term {term.number} of partition {term.partition}")
            await self._work(term)
            term.over.set()

    async def _keep(self, term: Term) -> None:
        """Renew, until the term is over; it is, when the partition is lost or should be another's."""
        while not term.over.is_set():
            await wait(term.over, self._ttl_s / 3)
            if term.over.is_set():
                return
            if len(self.held) > self._share() and term.partition == max(self.held):
                break
            sent_at = self._clock.monotonic()
            try:
                lead = await self._lead(term.partition, term.next_at)
            except (LogUnavailable, LogFull):
                if not term.trusted:
                    raise
                continue
            if not lead.mine or lead.term != term.number:
                term.lost = True
                break
            term.extend(sent_at, lead)
        term.over.set()

    async def _lead(self, partition: int, next_at: int | None) -> Lead:
        lead = await leadership.acquire(
            self._log,
            partition,
            scheduler=self._peers.scheduler,
            ttl_ms=int(self._ttl_s * 1000),
            body=self._body,
            next_at=next_at,
        )
        self._store_clocks.of(partition).heard(lead.now)
        return lead

    def _share(self) -> int:
        return self._peers.share(self._log.partitions)

    def _has_its_share(self) -> bool:
        return len(self.held) >= self._share()

    async def _is_abandoned(self, partition: int) -> bool:
        """Whether the end of its term has not moved for long, by our own clock."""
        key = self._log.keys.partition(partition, "meta")
        until: bytes | None = await self._log.execute(key, "HGET", key, "leader_until", control=True)
        now = self._clock.monotonic()
        seen, since = self._seen.get(partition, (None, now))
        if seen != until or partition not in self._seen:
            self._seen[partition] = (until, now)
            return False
        return now - since > ABANDONED_AFTER_S


def level_of(error: LogError, since_start_s: float) -> int:
    """How loud it is that a partition cannot be led."""
    expected = isinstance(error, Halted) and since_start_s < OPENED_WITHIN_S
    return logging.INFO if expected else logging.WARNING


def _first(errors: BaseExceptionGroup[LogError]) -> LogError:
    error = errors.exceptions[0]
    return _first(error) if isinstance(error, BaseExceptionGroup) else error
