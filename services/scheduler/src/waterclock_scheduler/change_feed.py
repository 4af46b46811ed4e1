"""The change feed `changes` of a partition: which jobs were written, as long as nothing was missed.

Two ways lead here. FastStream's subscriber says at once what it hears, and may miss something: while it reconnects, or
before its first message. So the stream itself is looked at now and then; whoever knows its last entry knows that
nothing was cut off in between.
"""

from __future__ import annotations

from typing import Any, cast

from waterclock.log.client import Log
from waterclock.log.reader import entry_of
from waterclock.model.ids import JobId

JOB = b"job"
_MOST = 1_000
_START = "0-0"


class ChangeFeed:
    def __init__(self, log: Log, partition: int) -> None:
        self._log = log
        self._key = log.keys.partition(partition, "changes")
        self._last = _START

    async def listen(self) -> None:
        """Begin here: what was rung before is known by what will be read after this."""
        newest = await self._entries("XREVRANGE", "+", "-", 1)
        self._last = newest[0][0] if newest else _START

    async def rung(self) -> set[JobId] | None:
        """Jobs that were written since the last look; None when some were missed, and all must be read again."""
        from_start = self._last == _START
        entries = await self._entries("XRANGE", "-" if from_start else self._last, "+", _MOST)
        missed = len(entries) == _MOST or (not from_start and (not entries or entries[0][0] != self._last))
        if missed:
            await self.listen()
            return None
        if entries:
            self._last = entries[-1][0]
        return {job for _, job in (entries if from_start else entries[1:])}

    async def _entries(self, command: str, low: str, high: str, most: int) -> list[tuple[str, JobId]]:
        rows = cast("list[list[Any]]", await self._log.execute(self._key, command, self._key, low, high, "COUNT", most))
        found = [entry_of(row) for row in rows]
        return [(entry, JobId(fields[JOB].decode())) for entry, fields in found]
