"""The projector: the streams of the log into the archive and the read models.

    run ── shares the partitions with other projectors ── follow, one task for each (following.py)

Locks only save work here: were two projectors to follow one partition, each event would still count once.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from functools import partial
from typing import Any

from waterclock.kit.cancellation import apart
from waterclock.kit.clock import SystemClock
from waterclock.kit.telemetry.log_lines import Outage
from waterclock.log.client import Log
from waterclock.log.connection.errors import Halted, LogError, LogUnavailable
from waterclock.log.recovery.losses import Losses
from waterclock.model.positions import Position
from waterclock.store.connection.pool import Connection, Pool, connect_anew
from waterclock.store.connection.transient import PASSES
from waterclock.store.locks import Shares
from waterclock.store.retention import Keep
from waterclock_api.consistency.identity import settle_installation
from waterclock_api.consistency.lag import Lags, lags
from waterclock_api.consistency.losses import first_archived
from waterclock_api.consistency.reachability import Reachability
from waterclock_api.projector.event_level import Levels
from waterclock_api.projector.follow import BACK_OFF, follow
from waterclock_api.projector.handover import connect_sharing
from waterclock_api.projector.maintenance import keep_house
from waterclock_api.projector.trim import Keeping

LOOK_EVERY = 0.5  # s between two looks at how the partitions are shared
MEASURE_EVERY = 1.0  # s

_log = logging.getLogger(__name__)


async def run(
    log: Log,
    pool: Pool,
    *,
    stop: asyncio.Event,
    ready: Callable[[], None] | None = None,
    unready: Callable[[str], None] | None = None,
    behind: Callable[[Lags], None] | None = None,
    keeping: Keeping | None = None,
    keep: Keep | None = None,
    beside: Mapping[str, Callable[[], Coroutine[Any, Any, None]]] | None = None,
) -> None:
    """Project the partitions that fall to this process until `stop` is set.

    `ready` is called each time when all of them are followed, `unready` with the reason when one no longer is, `behind`
    each second with the lag of each that is followed. What is unreachable is waited for; of `pool` only the address
    and, to fill gaps and tell others, a connection now and then are used. What is to be done `beside`, by its name, is
    no projector's work but goes with it: never-ending, begun when the database is known to be the log's.

    Raises:
        OtherInstallation: the database is not that of the log.
    """
    if not await _settled(log, pool, stop, unready):
        return
    reaching = Reachability(log, pool)
    projector = Projector(log, pool, ready=ready, unready=unready, keeping=keeping or Keeping())
    losses = Losses(log, actor="projector", following=first_archived(pool))
    async with asyncio.TaskGroup() as tasks:
        work = [tasks.create_task(projector.run(), name="project")]
        work.append(tasks.create_task(keep_house(log, pool, keep or Keep()), name="keep house"))
        work.append(tasks.create_task(reaching.keep(), name="note what is reached"))
        work.append(tasks.create_task(projector.levels.keep(), name="tell the level"))
        work.append(tasks.create_task(losses.keep(), name="tell losses"))
        work += [tasks.create_task(begin(), name=name) for name, begin in (beside or {}).items()]
        if behind is not None:
            work.append(tasks.create_task(projector.measure(behind), name="measure the lag"))
        await stop.wait()
        for task in work:
            task.cancel()


async def _settled(log: Log, pool: Pool, stop: asyncio.Event, unready: Callable[[str], None] | None) -> bool:
    """See that log and database are of one installation, before anything is done; False: stopped before."""
    outage = Outage(_log, "installation unknown", "installation known again")
    while not stop.is_set():
        try:
            async with await connect_anew(pool) as connection:
                await settle_installation(log, connection)
        except (*PASSES, LogUnavailable, Halted) as error:
            outage.failed(error)
            if unready is not None:
                unready(" ".join(str(error).split()))
        else:
            outage.over()
            return True
        with suppress(TimeoutError):
            async with asyncio.timeout(BACK_OFF[1]):
                await stop.wait()
    return False


class Projector:
    def __init__(
        self,
        log: Log,
        pool: Pool,
        *,
        ready: Callable[[], None] | None,
        unready: Callable[[str], None] | None,
        keeping: Keeping,
    ) -> None:
        self.levels = Levels(log, SystemClock())
        self._log = log
        self._pool = pool
        self._keeping = keeping
        self._tell_ready = ready
        self._tell_unready = unready
        self._ready = False
        self._followed: dict[int, bool] = {}  # partitions that are ours: whether each is followed now
        self._places: dict[int, Position | None] = {}  # of those that are: how far

    async def run(self) -> None:
        """Until cancelled."""
        outage = Outage(_log, "no partitions assigned", "partitions assigned again")
        pause = BACK_OFF[0]
        while True:
            try:
                async with await connect_sharing(self._pool) as connection:
                    pause = BACK_OFF[0]
                    outage.over()
                    await apart(self._share(connection), name="share the partitions")
            except* PASSES as group:
                reason = " ".join(str(group.exceptions[0]).split())
                outage.failed(reason)
                self._say(reason)
            await asyncio.sleep(pause)
            pause = min(2 * pause, BACK_OFF[1])

    async def measure(self, behind: Callable[[Lags], None]) -> None:
        """Say how far behind we are, until cancelled; nothing while the redis unavailable."""
        while True:
            try:
                behind(await lags(self._log, dict(self._places)))
            except LogError as error:
                _log.debug("lag not measured", extra={"reason": str(error)})
            await asyncio.sleep(MEASURE_EVERY)

    def following(self, partition: int, at: Position | None) -> None:
        self._followed[partition] = True
        self._places[partition] = at
        self._settle()

    def reached(self, partition: int, at: Position) -> None:
        self._places[partition] = at

    def stopped(self, partition: int, reason: str) -> None:
        self._followed[partition] = False
        self._say(reason)

    async def _share(self, connection: Connection) -> None:
        """Follow as many partitions as fall to us, while `connection` holds their locks."""
        shares = Shares(connection, self._log.partitions)
        await shares.join()
        tasks: dict[int, asyncio.Task[None]] = {}
        try:
            async with asyncio.TaskGroup() as group:
                while True:
                    self.levels.seen(await shares.older())
                    await shares.settle(tasks, partial(self._begin, group), self._given)
                    self._settle()
                    await asyncio.sleep(LOOK_EVERY)
        finally:
            self.levels.unseen()
            self._followed.clear()
            self._places.clear()

    def _begin(self, group: asyncio.TaskGroup, partition: int) -> asyncio.Task[None]:
        self._followed[partition] = False
        _log.info("projecting", extra={"partition": partition})
        work = follow(self._log, self._pool, partition, self, self._keeping)
        return group.create_task(work, name=f"follow {partition}")

    def _given(self, partition: int) -> None:
        del self._followed[partition]
        self._places.pop(partition, None)
        _log.info("handed over", extra={"partition": partition})

    def _settle(self) -> None:
        """Say that we are ready, when every partition that is ours is followed; there may be none."""
        if not self._ready and all(self._followed.values()):
            self._ready = True
            if self._tell_ready is not None:
                self._tell_ready()

    def _say(self, reason: str) -> None:
        if self._ready and self._tell_unready is not None:
            self._tell_unready(reason)
        self._ready = False
