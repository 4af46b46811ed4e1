"""A word with a server itself, beside all connections of ours."""

from typing import Any

from redis.asyncio import Redis

from waterclock.log.connection.connections import facts
from waterclock_dev.servers.ports import LOOPBACK
from waterclock_dev.servers.server import Server

SILENT = 10.0  # s


async def ask(server: Server[Any] | int, *words: str | float) -> Any:
    """The reply, as it is on the wire, of a server without a password, or of the one at a port, to one command."""
    port = server if isinstance(server, int) else server.port
    client: Any = Redis(host=LOOPBACK, port=port, protocol=2, socket_timeout=SILENT, socket_connect_timeout=SILENT)
    client.response_callbacks.clear()
    async with client:
        return await client.execute_command(*words)


async def told(server: Server[Any] | int, section: str) -> dict[str, str]:
    """What `INFO` tells of a section, by name."""
    return facts(await ask(server, "INFO", section))
