"""What only a look at the stores can tell of notices, for `/metrics`: how far judging and sending are behind."""

from __future__ import annotations

from collections.abc import Callable, Collection

from waterclock.kit.telemetry import catalog
from waterclock.kit.telemetry.metrics import Exposition
from waterclock.log.client import Log
from waterclock.log.connection.errors import LogError
from waterclock.log.liveness.lag import lag
from waterclock.model.notices.installation.looks import Look, PartitionLook
from waterclock.store.connection.pool import Pool
from waterclock.store.connection.transient import PASSES
from waterclock.store.notices import deliveries

_POSTGRES_S = 1.5


class Measured:
    """The looks of a notifier. `look`: the last one at the installation; `channels`: names of those in force."""

    def __init__(
        self, log: Log, pool: Pool, *, look: Callable[[], Look | None], channels: Callable[[], Collection[str]]
    ) -> None:
        self._log = log
        self._pool = pool
        self._look = look
        self._channels = channels

    def told_by(self, exposition: Exposition) -> None:
        exposition.looks += [self._look_at_judging, self._look_at_channels]

    async def _look_at_judging(self) -> None:
        catalog.JUDGED_LAG.replace({})
        look = self._look()
        for one in () if look is None else look.partitions:
            if one.silent is None and one.judged is not None:
                try:
                    catalog.JUDGED_LAG.set(await self._behind(one), str(one.partition))
                except LogError:
                    return

    async def _behind(self, one: PartitionLook) -> float:
        return 0.0 if one.judged == one.last else (await lag(self._log, one.partition, one.judged)).seconds

    async def _look_at_channels(self) -> None:
        catalog.OUTBOX_AGE.replace({})
        catalog.CHANNEL_FAILING.replace({})
        try:
            async with self._pool.connection(timeout=_POSTGRES_S) as connection:
                for channel, waits, fails in await deliveries.delays(connection, sorted(self._channels())):
                    catalog.OUTBOX_AGE.set(waits, channel)
                    catalog.CHANNEL_FAILING.set(fails, channel)
        except PASSES:
            return
