"""A log, a store and projectors on them: what the tests of the projector stand on."""

import asyncio
import os
import sys
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import ResponseError

from tests.contract.log import build
from tests.support.histories import entries_of
from waterclock.kit.settings import PREFIX
from waterclock.log import tail
from waterclock.log.client import Log, LogSettings
from waterclock.log.liveness import sessions
from waterclock.log.recovery import opening
from waterclock.model.events import StoredEvent
from waterclock.model.ids import JobId
from waterclock.model.positions import Position
from waterclock.store import archive
from waterclock.store.connection.migrate import migrate
from waterclock.store.connection.pool import Pool, connect_anew, open_pool
from waterclock.store.readmodels.rebuild import compare
from waterclock.store.readmodels.wait_for_position import wait_for
from waterclock.wire.envelope import Entry
from waterclock_api.projector import service
from waterclock_api.projector.trim import Keeping

DEADLINE = 30.0  # s


class Stage:
    """A log, a store, and projectors on them."""

    def __init__(self, log: Log, pool: Pool, redis_url: str) -> None:
        self.log = log
        self.pool = pool
        self.redis_url = redis_url
        self.ready = asyncio.Event()
        self.reasons: asyncio.Queue[str] = asyncio.Queue()

    @asynccontextmanager
    async def projecting(
        self, *, keeping: Keeping | None = None, log: Log | None = None, within: float = DEADLINE
    ) -> AsyncGenerator[None]:
        """One more projector, until it has stopped as asked."""
        stop = asyncio.Event()
        async with asyncio.timeout(within), asyncio.TaskGroup() as tasks:
            tasks.create_task(
                service.run(
                    log or self.log,
                    self.pool,
                    stop=stop,
                    ready=self.ready.set,
                    unready=self.reasons.put_nowait,
                    keeping=keeping,
                )
            )
            try:
                yield
            finally:
                stop.set()

    async def projected(self) -> Position:
        """Wait until all partitions are projected to their present ends; that of the last."""
        end: Position | None = None
        for partition in range(self.log.partitions):
            end = await tail.tail_of(self.log, partition)
            assert end is not None
            async with self.pool.connection() as connection:
                assert await wait_for(connection, end, DEADLINE)
        assert end is not None
        return end

    async def rows(self, query: str) -> list[tuple[Any, ...]]:
        async with await connect_anew(self.pool) as connection:
            return await (await connection.execute(query.encode())).fetchall()

    async def archived(self, partition: int = 0) -> list[Entry]:
        async with await connect_anew(self.pool) as connection:
            return await archive.entries(connection, partition, None, None, 100_000)

    async def assert_true_to_the_log(self) -> None:
        """Each event counted once: archive = stream, read models = archive."""
        for partition in range(self.log.partitions):
            found = await tail.read(self.log, partition, None, count=100_000, block=None, archive=None)
            assert await self.archived(partition) == found
        async with await connect_anew(self.pool) as connection:
            assert await compare(connection) == []


@asynccontextmanager
async def staged(redis_url: str, prefix: str, postgres_url: str, partitions: int = 1) -> AsyncGenerator[Stage]:
    settings = LogSettings(url=redis_url, prefix=prefix)
    await opening.initialise(settings, partitions=partitions, queues=build.QUEUES)
    await migrate(postgres_url)
    log = await Log.connect(settings, role="test")
    pool = await open_pool(postgres_url, name="test", min_size=1, max_size=4)
    try:
        yield Stage(log, pool, redis_url)
    finally:
        await pool.close()
        await log.close()


async def work(log: Log, *numbers: int, job: JobId = build.J) -> None:
    """Runs of a job, requested, started and ended."""
    await build.ask(log, *(build.wish(number, job_id=job) for number in numbers))
    partition = log.partition_of(job)
    session = f"s{numbers[0]}"
    await sessions.join(log, session, body=None)
    claimed = await build.grab(log, 1, slots=len(numbers), session=session, partition=partition)
    await build.finish(log, *(build.ending(grant) for grant in claimed.grants), partition=partition)


async def waterclock(*words: str, **settings: str) -> tuple[int | None, str, str]:
    """A verb as operators run it: its exit code, what it printed, and what it said beside."""
    env = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "waterclock.cli", *words),
        env=env | {f"{PREFIX}{name}": value for name, value in settings.items()},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(DEADLINE):
        out, said = await process.communicate()
    return process.returncode, out.decode(), said.decode()


async def append(stage: Stage, events: list[StoredEvent], partition: int = 0, *, at: int | None = None) -> None:
    """Put events at the stream's end, past all scripts; again behind what came between. `at`: when they happened."""
    key, left = stage.log.keys.partition(partition, "events"), list(events)
    async with Redis.from_url(stage.redis_url) as client:  # pyright: ignore[reportUnknownMemberType]
        while left:
            end = await tail.tail_of(stage.log, partition)
            try:
                for entry in entries_of(left, partition=partition, after=end):
                    fields: dict[Any, Any] = {
                        "b": stripped(entry),
                        "p": entry.prev,
                        "t": entry.at if at is None else at,
                    }
                    await client.xadd(key, fields, id=entry.position.entry)
                    left = left[1:]
            except ResponseError as error:
                if "equal or smaller" not in str(error):
                    raise


async def append_at_once(stage: Stage, events: list[StoredEvent]) -> None:
    """As `append`, of many events, which nobody else's may come between."""
    key, end = stage.log.keys.partition(0, "events"), await tail.tail_of(stage.log, 0)
    async with Redis.from_url(stage.redis_url) as client:  # pyright: ignore[reportUnknownMemberType]
        pipeline = client.pipeline(transaction=True)
        for entry in entries_of(events, partition=0, after=end):
            fields: dict[Any, Any] = {"b": stripped(entry), "p": entry.prev, "t": entry.at}
            pipeline.xadd(key, fields, id=entry.position.entry)
        await pipeline.execute()


def stripped(entry: Entry) -> bytes:
    """The body that the document was made of."""
    return b"{" + entry.document[entry.document.index(b'"type"') :]


async def eventually(condition: Callable[[], Any]) -> None:
    """Until an awaited `condition` holds; the caller's deadline bounds it."""
    while not await condition():  # noqa: ASYNC110  what is waited for happens in other processes
        await asyncio.sleep(0.01)
