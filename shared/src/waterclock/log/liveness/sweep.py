"""Sweeping: sessions of workers that died are found by watching, and their runs are queued again.

A session is dead when this process has itself seen its renewal number unchanged for a whole lease, by its own monotonic
clock, with the store answering in between. No wall clock and no outage of the store kills a run. Schedulers sweep as
workers do, so that the runs of the last worker do not hang where it does. They also return what lies aside beside
workers of the release before, who do not look there: newer workers do so only when they claim.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from waterclock.kit.clock import Clock
from waterclock.kit.telemetry import catalog
from waterclock.log.client import Log
from waterclock.log.commands.aside import return_aside, some_lie_aside
from waterclock.log.commands.bodies import Body, part
from waterclock.log.commands.jobs import StoredJob, load_jobs
from waterclock.log.connection.transient import PASSES
from waterclock.log.liveness.sessions import LostAttempt, sessions, sweep
from waterclock.model.events import RunCancelled, RunDied, RunLost, WorkerLeft
from waterclock.model.ids import JobId

DEAD = -1  # the renewal number of a session that was found dead and is not emptied yet

log = logging.getLogger(__name__)


class Seen(NamedTuple):
    number: int
    since: float  # monotonic


class Watch:
    """What one sweeper has seen of the sessions of one partition. Pure, but for what it remembers."""

    def __init__(self, *, lease: float, late: float) -> None:
        """`lease` and `late` (a look this long after the last starts the watch again) in seconds."""
        self._lease = lease
        self._late = late
        self._seen: dict[str, Seen] = {}
        self._looked_at = float("-inf")

    def look(self, found: dict[str, int], *, now: float) -> dict[str, int]:
        """Take a look: renewal numbers by session. Returns the dead, with the number they were watched at."""
        if now - self._looked_at > self._late:
            self._seen = {}
        self._looked_at = now
        before, self._seen = self._seen, {}
        dead: dict[str, int] = {}
        for session, number in found.items():
            seen = before.get(session)
            if seen is None or seen.number != number:
                seen = Seen(number, now)
            self._seen[session] = seen
            if number == DEAD or now - seen.since >= self._lease:
                dead[session] = number
        return dead

    def restart(self) -> None:
        """A look failed: what was seen no longer proves anything."""
        self._seen = {}


class Sweeper:
    """Of one partition."""

    def __init__(self, store: Log, partition: int, clock: Clock, *, lease: float, returns_aside: bool = False) -> None:
        """`lease` in seconds: that of the workers. `returns_aside`: what older workers do not find."""
        self._log = store
        self._partition = partition
        self._every = lease / 8
        self._watch = Watch(lease=lease, late=lease / 4)
        self._clock = clock
        self._returns_aside = returns_aside

    async def run(self) -> None:
        """For ever: look, and sweep up after the dead."""
        while True:
            started = self._clock.monotonic()
            try:
                await self.look()
            except PASSES:
                self._watch.restart()
            await asyncio.sleep(max(0.0, self._every - (self._clock.monotonic() - started)))

    async def look(self) -> None:
        """One turn."""
        found = await sessions(self._log, self._partition)
        for session, number in self._watch.look(found, now=self._clock.monotonic()).items():
            await self._sweep(session, number)
        if self._returns_aside and await some_lie_aside(self._log, self._partition):
            await self._return_aside()

    async def _return_aside(self) -> None:
        returned = await return_aside(self._log, self._partition, beside=True)
        if returned:
            log.info("runs returned to queues", extra={"partition": self._partition, "runs": returned})

    async def _sweep(self, session: str, number: int) -> None:
        runs = 0
        while True:
            swept = await sweep(
                self._log,
                self._partition,
                session=session,
                number=number,
                body_left=self._left(session),
                body_lost=_LOST,
                body_died=_DIED,
                body_cancelled=_CANCELLED,
            )
            runs += swept.runs
            await self._tell(session, swept.lost)
            if swept.state != "more":
                break
        if swept.state == "emptied":
            catalog.SWEPT.add(1)
            catalog.RUNS_SWEPT.add(runs)
            log.warning("session swept", extra={"partition": self._partition, "session": session, "runs": runs})

    async def _tell(self, session: str, lost: Sequence[LostAttempt]) -> None:
        """A line for each, as of other attempts that went wrong; their worker cannot write it."""
        if not lost:
            return
        names = await self._names({one.job_id for one in lost if one.job_id})
        for one in lost:
            told: dict[str, object] = {"job": names.get(one.job_id, one.job_id)} if one.job_id else {}
            told |= {"run": one.run_id, "attempt": one.attempt, "outcome": "lost"}
            told |= {"error": f"worker {_worker_of(session)} did not renew its lease"}
            if one.fate == "again":
                log.warning("attempt failed", extra=told | {"next": "queued again"})
            else:
                log.error("run ended", extra=told | {"run_status": one.fate})

    async def _names(self, jobs: Iterable[JobId]) -> dict[JobId, str]:
        """The names of those that there are and that can be read now."""
        try:
            found = await load_jobs(self._log, list(jobs))
        except PASSES:
            return {}
        definitions = {one.job_id: one.definition for one in found if isinstance(one, StoredJob)}
        return {job: f"{one.job_group}/{one.job_name}" for job, one in definitions.items()}

    def _left(self, session: str) -> Body | None:
        """Told once, in partition 0, where the fleet is folded."""
        if self._partition != 0:
            return None
        return part(WorkerLeft, session=session, worker=_worker_of(session), reason="lost")


def _worker_of(session: str) -> str:
    return session.rpartition("-")[0]


_LOST = part(RunLost, reason="leaseExpired")
_DIED = part(RunDied, reason="leaseExpired")
_CANCELLED = part(RunCancelled)
