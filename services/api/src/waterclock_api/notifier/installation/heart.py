"""The heartbeat: while all is well, another system is told so, by one notifier at a time. Its absence tells the rest.

due? claim ──► is all well? ──► send ──► sent
   ▲               │ no            │ not taken
   └── again later ◄───────────────┘
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping

from waterclock.kit.clock import Clock
from waterclock.kit.randomness import token
from waterclock.kit.telemetry import catalog
from waterclock.kit.telemetry.log_lines import Outage
from waterclock.log.client import Log
from waterclock.log.connection.errors import LogError
from waterclock.log.liveness.lag import lag
from waterclock.model.notices.installation.looks import Look
from waterclock.model.notices.installation.wellness import Behind, unwell
from waterclock.model.notices.rules import Heartbeat
from waterclock.store.connection.pool import Connection, Pool
from waterclock.store.notices import heartbeat
from waterclock_api.notifier.delivery.outcome import Delivered, Outcome
from waterclock_api.notifier.installation.kept_connection import KeptConnection, StoreSilent
from waterclock_api.notifier.installation.pace import Pace
from waterclock_api.notifier.rules_source import RulesSource

LEASE = 60.0  # s: a delivery takes half of it at most
AGAIN_MOST = 30.0  # s, after failures

_log = logging.getLogger(__name__)

Beat = Callable[[Heartbeat], Awaitable[Outcome]]
"""Sends one heartbeat. It never raises, and gives up before the lease ends."""


class Heart:
    """`look`: the last one at the installation, None before the first. `may_send`: not where the database is a copy."""

    def __init__(
        self,
        log: Log,
        pool: Pool,
        source: RulesSource,
        beat: Beat,
        clock: Clock,
        *,
        look: Callable[[], Look | None],
        may_send: Callable[[], bool],
        pace: Pace,
    ) -> None:
        self._log = log
        self._source = source
        self._beat = beat
        self._clock = clock
        self._look = look
        self._may_send = may_send
        self._pace = pace
        self._store = KeptConnection(pool, work="heartbeat", patience=pace.patience)
        self._withheld = Outage(_log, "heartbeat withheld", "heartbeat sent again")
        self._refused = Outage(_log, "heartbeat not delivered", "heartbeat delivered")

    async def run(self) -> None:
        """Until cancelled."""
        try:
            while True:
                wanted = self._source.rules.file.heartbeat
                if wanted is not None and self._may_send():
                    try:
                        await self._when_due(wanted)
                    except StoreSilent as error:
                        self._withheld.failed(error)
                await asyncio.sleep(self._pace.look)
        finally:
            await self._store.close()

    async def _when_due(self, wanted: Heartbeat) -> None:
        claim = token()
        failures = await self._store.use(
            lambda connection: heartbeat.claim(connection, every=wanted.every, lease=LEASE, claim=claim)
        )
        if failures is None:
            return
        wrong = await self._wrong()
        if wrong is not None:
            self._withheld.failed(wrong)
            catalog.HEARTBEATS.add(1, "withheld")
            await self._settle(heartbeat.withheld, claim, said=wrong, after=self._pace.look)
            return
        self._withheld.over()
        outcome = await self._beat(wanted)
        if isinstance(outcome, Delivered):
            self._refused.over()
            catalog.HEARTBEATS.add(1, "delivered")
            await self._store.use(lambda connection: heartbeat.sent(connection, claim))
            return
        self._refused.failed(outcome.said)
        catalog.HEARTBEATS.add(1, "failed")
        after = min(2.0 ** min(failures, 5), AGAIN_MOST, wanted.every)
        await self._settle(heartbeat.failed, claim, said=outcome.said, after=after)

    async def _settle(self, settle: Callable[..., Awaitable[None]], claim: str, *, said: str, after: float) -> None:
        await self._store.use(lambda connection: settle(connection, claim, said=said, after=after))

    async def _wrong(self) -> str | None:
        look = self._look()
        if look is None or self._clock.monotonic() - look.at > self._pace.gap:
            return "the installation is not looked at"
        untried = await self._store.use(self._untried)
        try:
            async with asyncio.timeout(self._pace.patience):
                behind = await self._behind(look)
        except (LogError, TimeoutError) as error:
            return " ".join(str(error).split()) or "Redis does not answer"
        return unwell(look, behind, untried, most=self._pace.behind)

    async def _untried(self, connection: Connection) -> int:
        return await heartbeat.untried(connection, sorted(self._source.channels()), after=self._pace.untried)

    async def _behind(self, look: Look) -> Mapping[int, Behind]:
        found: dict[int, Behind] = {}
        for one in look.partitions:
            if one.silent is not None or one.judged is None:
                continue
            if one.judged == one.last:
                found[one.partition] = Behind()
            else:
                seen = await lag(self._log, one.partition, one.judged)
                found[one.partition] = Behind(seen.events, seen.seconds, seen.ahead > 0)
        return found
