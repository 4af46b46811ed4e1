"""What the stores hold once nothing moves any more: the material of `proofs`."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any, NamedTuple, cast

import msgspec
from psycopg import AsyncConnection

from waterclock.log import tail
from waterclock.log.client import Log, LogSettings
from waterclock.log.connection.errors import LogError
from waterclock.log.tail import tail_of
from waterclock.model.positions import Position, at_entry
from waterclock.store import archive
from waterclock.store.connection.pool import Connection
from waterclock.store.readmodels.rebuild import compare
from waterclock.store.readmodels.shadow_tables import Difference
from waterclock.wire.envelope import Entry
from waterclock.wire.keys import STREAMS

AGAIN = 20
"""Times that both are read, at most, until nothing happens meanwhile."""
EVERYTHING = 1_000_000  # entries
OF_RUNS = {
    "runs": "HLEN",
    "specs": "HLEN",
    "active": "ZCARD",
    "waiting": "ZCARD",
    "delayed": "ZCARD",
    "held": "ZCARD",
    "aside": "ZCARD",
}
"""What a partition keeps of unfinished runs only, and how it is counted; beside the streams of queues."""


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """`left` are keys that hold something of runs, by their length: none, when every run has ended."""

    archives: dict[int, list[Entry]]  # by partition
    streams: dict[int, list[Entry]]
    left: dict[str, int]
    differences: list[Difference]

    @property
    def entries(self) -> list[Entry]:
        """The archive: partition by partition, each in its order."""
        return [entry for entries in self.archives.values() for entry in entries]

    def of_job(self, job_id: str) -> list[Entry]:
        return [entry for entry in self.entries if getattr(entry.event, "job_id", None) == job_id]

    def of_run(self, run_id: str) -> list[Entry]:
        return [entry for entry in self.entries if getattr(entry.event, "run_id", None) == run_id]


class Stores(NamedTuple):
    """Connections of our own, beside those of the services."""

    log: Log
    connection: Connection

    async def gather(self) -> Evidence:
        """What both stores hold at one moment: read again where something happened meanwhile, `AGAIN` times at most.

        What is told late, such as the end of a session, would else be in one of them only.
        """
        for _ in range(AGAIN):
            before = await self._ends()
            found = await self._gathered()
            if await self._ends() == before and all(archived == end for archived, end in before):
                return found
        return await self._gathered()

    async def _ends(self) -> list[tuple[Position | None, Position | None]]:
        """Where the archive and the stream of each partition end."""
        return [
            (await archive.position(self.connection, one), await tail_of(self.log, one))
            for one in range(self.log.partitions)
        ]

    async def _gathered(self) -> Evidence:
        partitions = range(self.log.partitions)
        return Evidence(
            archives={one: await self.archived(one) for one in partitions},
            streams={one: await self._streamed(one) for one in partitions},
            left={key: size for one in partitions for key, size in (await self._sizes(one)).items() if size},
            differences=await compare(self.connection),
        )

    async def archived(self, partition: int) -> list[Entry]:
        return await archive.entries(self.connection, partition, None, None, EVERYTHING)

    async def settled(self) -> bool:
        """Whether no run is unfinished, and all that happened is archived."""
        try:
            for partition in range(self.log.partitions):
                if any((await self._sizes(partition)).values()):
                    return False
                if await archive.position(self.connection, partition) != await tail_of(self.log, partition):
                    return False
        except LogError:  # a server that has just come back
            return False
        return True

    async def _streamed(self, partition: int) -> list[Entry]:
        return await tail.read(
            self.log, partition, await self._before_first(partition), count=EVERYTHING, block=None, archive=None
        )

    async def _before_first(self, partition: int) -> Position | None:
        """Where the stream begins; later than the archive, once it was trimmed."""
        key = self.log.keys.partition(partition, "events")
        rows = cast("list[Any]", await self.log.execute(key, "XRANGE", key, "-", "+", "COUNT", 1))
        if not rows:
            return None
        fields = dict(zip(rows[0][1][::2], rows[0][1][1::2], strict=True))
        prev = cast("bytes", fields[b"p"]).decode()
        return at_entry(partition, prev) if prev else None

    async def _sizes(self, partition: int) -> dict[str, int]:
        keys = self.log.keys
        commands = {keys.partition(partition, name): command for name, command in OF_RUNS.items()}
        for queue in self.log.queues:
            commands |= {keys.partition(partition, f"{stream}:{queue.name}"): "XLEN" for stream in STREAMS}
        return {key: cast("int", await self.log.execute(key, command, key)) for key, command in commands.items()}


@asynccontextmanager
async def connected(redis_url: str, postgres_url: str, *, prefix: str = "wc") -> AsyncGenerator[Stores]:
    log = await Log.connect(LogSettings(url=redis_url, prefix=prefix), role="test")
    try:
        async with await AsyncConnection.connect(postgres_url, autocommit=True) as connection:
            yield Stores(log, connection)
    finally:
        await log.close()
