"""A stream into one object, in parts of equal length: the object appears whole, or not at all.

At any moment `concurrency` parts are under way and one is being filled; while all are taken nobody reads the stream,
so its writer waits.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable

from waterclock_worker.executors.backup.faults import EmptyDump, Stalled, StoreFault, TooLarge, moving, unwrapped
from waterclock_worker.executors.backup.limits import CHUNK, MIB, Limits
from waterclock_worker.executors.backup.s3.body import Body
from waterclock_worker.executors.backup.s3.store import Store

PART_MOST = 512 * MIB


class Upload:
    """A multipart upload, begun with its first full part."""

    def __init__(self, store: Store, key: str, *, part_size: int, limits: Limits, metadata: dict[str, str]) -> None:
        """`part_size` is in bytes, at least 5 MiB."""
        self.key = key
        self.part_size = part_size
        self.size = 0
        self.stored = 0  # bytes the store has confirmed
        self._store = store
        self._limits = limits
        self._metadata = metadata
        self._begun = False
        self._id: str | None = None
        self._tags: list[str] = []
        self._digest = hashlib.sha256()
        self._in_turn = asyncio.Lock()  # parts are digested in their order: tasks start in it, and a lock is fair
        self._spare: list[bytearray] = []
        self._completing = False

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()

    @property
    def parts(self) -> int:
        return len(self._tags)

    async def send(self, stream: asyncio.StreamReader, progressed: Callable[[int], None]) -> None:
        """Store all that comes, until the stream's end; `progressed` hears how many bytes are stored.

        Raises:
            StoreFault, Stalled: a part could not be stored.
            TooLarge: it has more parts than the store takes.
        """
        slots = asyncio.Semaphore(self._limits.concurrency)
        with unwrapped():
            async with asyncio.TaskGroup() as tasks:
                while part := await self._filled(stream):
                    self.size += len(part)
                    await slots.acquire()
                    number = await self._next_number()
                    tasks.create_task(self._put(number, part, slots, progressed), name=f"part {number} of {self.key}")

    async def complete(self) -> None:
        """
        Raises:
            EmptyDump: nothing was sent.
            StoreFault: the object is not there.
        """
        if self._id is None:
            raise EmptyDump("pg_dump succeeded, but wrote nothing")
        self._completing = True
        try:
            await self._store.complete_upload(self.key, self._id, self._tags)
        except StoreFault:
            if await self._store.size(self.key) != self.size:  # else only the answer was lost
                raise

    async def abort(self) -> None:
        """Take back whatever is stored, in bounded time.

        Raises:
            StoreFault, TimeoutError: it could not be taken back. What is left is no backup; a later clean-up takes it.
        """
        if not self._begun:
            return
        async with asyncio.timeout(self._limits.undo):
            if self._id is not None:
                await self._store.abort_upload(self.key, self._id)
            for one in await self._store.open_uploads(self.key):  # begun, and only the answer was lost
                if one.key == self.key:
                    await self._store.abort_upload(self.key, one.upload_id)
            if self._completing and await self._store.size(self.key) is not None:
                await self._store.delete(self.key)

    async def _filled(self, stream: asyncio.StreamReader) -> memoryview:
        """The next part; shorter only at the stream's end, empty after it."""
        buffer = self._spare.pop() if self._spare else bytearray(self.part_size)
        filled = 0
        async with moving(self._limits.silence, "waiting for pg_dump") as moved:
            while chunk := await stream.read(min(CHUNK, self.part_size - filled)):
                buffer[filled : filled + len(chunk)] = chunk
                filled += len(chunk)
                moved()
        return memoryview(buffer)[:filled]

    async def _next_number(self) -> int:
        if self._id is None:
            self._begun = True
            self._id = await self._store.begin_upload(self.key, self._metadata)
        if len(self._tags) == self._limits.parts:
            raise TooLarge(
                f"the dump is longer than {self._limits.parts} parts of {self.part_size // MIB} MiB: raise partSizeMiB"
            )
        self._tags.append("")
        return len(self._tags)

    async def _put(
        self, number: int, part: memoryview, slots: asyncio.Semaphore, progressed: Callable[[int], None]
    ) -> None:
        try:
            async with self._in_turn:
                sha256 = await asyncio.to_thread(self._digested, part)
            self._tags[number - 1] = await self._tag(number, part, sha256)
            assert isinstance(part.obj, bytearray)
            self._spare.append(part.obj)  # the store has all of it, so nobody reads it any more
        finally:
            slots.release()
        self.stored += len(part)
        progressed(self.stored)

    def _digested(self, part: memoryview) -> str:
        self._digest.update(part)
        return hashlib.sha256(part).hexdigest()

    async def _tag(self, number: int, part: memoryview, sha256: str) -> str:
        """Store a part. The SDK tries again what fails; what stands still it would wait for, so that is ours."""
        assert self._id is not None
        for left in reversed(range(self._limits.attempts)):
            try:
                async with moving(self._limits.stall, f"part {number} of {self.key}") as moved:
                    return await self._store.put_part(self.key, self._id, number, Body(part, sha256, moved))
            except Stalled:
                if not left:
                    raise
        raise AssertionError("attempts is at least 1")


def part_size_for(database_bytes: int, *, least: int, most_parts: int) -> int:
    """Bytes of a part, a whole number of MiB, such that a dump of twice the database's size has few enough parts.

    Never more than 512 MiB, for the worker holds a few of them: with 10 000 parts that is S3's own bound of an object.
    """
    needed = -(-2 * database_bytes // most_parts)
    return max(least, min(-(-needed // MIB) * MIB, PART_MOST))
