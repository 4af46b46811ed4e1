"""Look at the installation again and again, and tell what has been wrong with it for too long."""

from __future__ import annotations

import asyncio
import logging

from waterclock.kit.clock import Clock
from waterclock.kit.telemetry import catalog
from waterclock.log.client import Log
from waterclock.model.notices.installation.findings import Findings, Patience
from waterclock.model.notices.installation.incidents import Judged, Standing, joined, judge_installation
from waterclock.model.notices.installation.looks import Look
from waterclock.store.connection.pool import Connection, Pool
from waterclock.store.notices import outbox, standing
from waterclock_api.notifier.installation.kept_connection import KeptConnection, StoreSilent
from waterclock_api.notifier.installation.looking import Looker
from waterclock_api.notifier.installation.memory import Memory
from waterclock_api.notifier.installation.pace import Pace
from waterclock_api.notifier.rules_source import RulesSource

_log = logging.getLogger(__name__)


class Watcher:
    """`look`: the last one; None before the first."""

    def __init__(self, log: Log, pool: Pool, source: RulesSource, memory: Memory, clock: Clock, *, pace: Pace) -> None:
        self.look: Look | None = None
        self._source = source
        self._memory = memory
        self._clock = clock
        self._pace = pace
        self._store = KeptConnection(pool, work="installation", patience=self._pace.patience)
        self._looker = Looker(log, self._store, clock, pace=self._pace, channels=lambda: source.channels().keys())
        self._patience = Patience(gap=self._pace.gap)
        self._standing = Standing()
        self._is_ahead = False  # of what Postgres has: it was told from memory

    async def run(self) -> None:
        """Until cancelled."""
        try:
            async with asyncio.TaskGroup() as tasks:
                while True:
                    began = self._clock.monotonic()
                    await self._look(tasks)
                    await asyncio.sleep(max(0.0, began + self._pace.look - self._clock.monotonic()))
        finally:
            await self._store.close()

    async def _look(self, tasks: asyncio.TaskGroup) -> None:
        self.look, stored = await self._looker.look()
        findings = self._patience.findings(self.look, self._source.rules.file.clock_after)
        if stored is None:
            judged = self._judged(self._standing, findings)
            self._is_ahead |= judged.standing != self._standing
            self._standing = judged.standing
            self._memory.tell(judged.notices, tasks)
            _count(judged)
            return
        judged = self._judged(self._known(stored), findings)
        if judged.standing == stored and self._memory.is_empty:
            self._standing, self._is_ahead = stored, False
            return
        try:
            await self._store.use(lambda connection: self._record(connection, findings))
        except StoreSilent as error:  # if it is so for longer, the next looks will tell
            _log.debug("notices of the installation not recorded", extra={"error": str(error)})

    async def _record(self, connection: Connection, findings: Findings) -> None:
        """Judge again by what nobody else can change meanwhile."""
        async with connection.transaction():
            judged = self._judged(self._known(await standing.hold(connection)), findings)
            recorded = await self._memory.record(connection)
            await outbox.record(connection, judged.notices, ())
            await standing.keep(connection, judged.standing)
        self._memory.forget(recorded)
        self._standing, self._is_ahead = judged.standing, False
        _count(judged)

    def _known(self, stored: Standing) -> Standing:
        return joined(stored, self._standing) if self._is_ahead else stored

    def _judged(self, known: Standing, findings: Findings) -> Judged:
        now, quiet = self._clock.now_ms(), round(self._pace.quiet * 1000)
        return judge_installation(self._source.book(), known, findings, now, quiet=quiet)


def _count(judged: Judged) -> None:
    for one in judged.notices:
        catalog.NOTICES.add(1, one.kind)
