"""An address that stays, and leads to whichever process serves now: all that a gateway must do in a rolling upgrade."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from waterclock_dev.servers.ports import LOOPBACK

CHUNK = 64 * 1024


class Entrance:
    """New connections go to `leads_to`; those that are open stay where they are until that process ends them."""

    def __init__(self, port: int) -> None:
        self.url = f"http://{LOOPBACK}:{port}"
        self.leads_to = 0  # a port of this machine


@asynccontextmanager
async def entrance() -> AsyncGenerator[Entrance]:
    passing: set[asyncio.Task[None]] = set()

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while chunk := await reader.read(CHUNK):
                writer.write(chunk)
                await writer.drain()
        writer.close()

    async def let_in(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        passing.add(task)
        try:
            inside_reader, inside_writer = await asyncio.open_connection(LOOPBACK, place.leads_to)
            async with asyncio.TaskGroup() as ways:
                ways.create_task(carry(reader, inside_writer), name="carry in")
                ways.create_task(carry(inside_reader, writer), name="carry out")
        except OSError:
            writer.close()
        finally:
            passing.discard(task)

    server = await asyncio.start_server(let_in, LOOPBACK, 0)
    place = Entrance(server.sockets[0].getsockname()[1])
    try:
        yield place
    finally:
        server.close()
        for task in passing:
            task.cancel()
        await asyncio.wait(passing) if passing else None
