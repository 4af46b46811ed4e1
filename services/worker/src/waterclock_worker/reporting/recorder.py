"""What attempts tell (steps, lines, progress) on its way to a partition, in numbered batches, before their endings."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from waterclock.log.client import Log
from waterclock.log.commands.attempts import StepBatch, record
from waterclock_worker.reporting.pending import BATCH_BYTES
from waterclock_worker.reporting.step_log import StepLog
from waterclock_worker.retry import until_answered

GATHER = 0.05  # s
CALL_MOST = 1024 * 1024  # characters of one call, about


class Recorder:
    """Of one partition. A step log has at most one batch under way, so batches arrive in order."""

    def __init__(self, store: Log, partition: int, *, refused: Callable[[StepLog], None]) -> None:
        """`refused` is called for an attempt that has lost its run."""
        self._log = store
        self._partition = partition
        self._refused = refused
        self._told: dict[StepLog, None] = {}  # in order
        self._closing: dict[StepLog, Callable[[], None]] = {}
        self._numbers: dict[StepLog, int] = {}
        self._some = asyncio.Event()
        self._now = asyncio.Event()

    def tell(self, steps: StepLog) -> None:
        """There is something to store."""
        self._told[steps] = None
        self._some.set()
        if steps.pending_size >= BATCH_BYTES:
            self._now.set()

    def close(self, steps: StepLog, stored: Callable[[], None]) -> None:
        """The attempt has ended: store what is left, then call `stored`."""
        self._closing[steps] = stored
        self._told[steps] = None
        self._some.set()
        self._now.set()

    async def send(self) -> None:
        """For ever: store what was told, gathered for a moment."""
        while True:
            await self._some.wait()
            await self._gathered()
            taken, batches = self._take()
            if batches:
                await self._record(batches)
            for steps in taken:
                self._after(steps)

    async def _gathered(self) -> None:
        try:
            async with asyncio.timeout(GATHER):
                await self._now.wait()
        except TimeoutError:
            return
        self._now.clear()

    def _take(self) -> tuple[list[StepLog], list[StepBatch]]:
        taken: list[StepLog] = []
        batches: list[StepBatch] = []
        size = 0
        while self._told and size < CALL_MOST:
            steps = next(iter(self._told))
            del self._told[steps]
            taken.append(steps)
            bodies = steps.take(BATCH_BYTES)
            if bodies:
                size += sum(map(len, bodies))
                number = self._numbers[steps] = self._numbers.get(steps, 0) + 1
                batches.append(StepBatch(run_id=steps.run_id, fence=steps.fence, number=number, bodies=bodies))
        if not self._told:
            self._some.clear()
        return taken, batches

    async def _record(self, batches: list[StepBatch]) -> None:
        results = await until_answered(lambda: record(self._log, self._partition, batches), what="record")
        refused = {batch.fence for batch, result in zip(batches, results, strict=True) if result == "refused"}
        for steps in [*self._numbers] if refused else ():
            if steps.fence in refused:
                steps.drop()
                self._refused(steps)

    def _after(self, steps: StepLog) -> None:
        """Of what was stored: more of it, or the attempt's end."""
        if steps.has_pending:
            self.tell(steps)
            self._now.set()
        elif steps not in self._told and (stored := self._closing.pop(steps, None)) is not None:
            self._numbers.pop(steps, None)
            stored()
