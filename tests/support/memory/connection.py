"""A connection to the store in memory, in the place of the driver's; and a log on it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any, cast

from redis.exceptions import ResponseError

from tests.support.memory.store import Store
from tests.support.memory.values import Stream, entry_id
from waterclock.log.client import Log, LogSettings
from waterclock.log.connection.addresses import Deployment, Target
from waterclock.log.topology.primaries import Nodes

Fault = Callable[[Callable[[], Any]], Awaitable[Any]]
"""How a command meets its store: it is given what executes it."""


class Connection:
    """What `waterclock.log.connection.connections.Line` uses of a connection."""

    def __init__(
        self,
        *,
        store: Store,
        fault: Fault | None,
        redis_connect_func: Callable[[Connection], Awaitable[None]],
        **_: Any,
    ) -> None:
        self._store = store
        self._fault = fault
        self._greet = redis_connect_func
        self._sent: list[list[bytes]] = []

    async def connect(self) -> None:
        await self._greet(self)

    async def on_connect(self) -> None:
        """Nothing to agree on."""

    async def send_command(self, *words: str) -> None:
        self._sent = [[word.encode() for word in words]]

    async def send_packed_command(self, packed: bytes, check_health: bool = True) -> None:  # noqa: ARG002
        self._sent = _commands(packed)

    async def read_response(self) -> Any:
        words = self._sent.pop(0)
        if words[0] == b"XREAD":
            return await self._read(words)
        if self._fault is None or words[0] == b"INFO":
            return self._store.do(words[0], words[1:])
        return await self._fault(lambda: self._store.do(words[0], words[1:]))

    async def disconnect(self, nowait: bool = False) -> None:  # noqa: ARG002
        self._sent = []

    async def _read(self, words: list[bytes]) -> list[Any] | None:
        """XREAD COUNT n [BLOCK ms] STREAMS keys ids."""
        count = int(words[2])
        block = int(words[4]) / 1000 if words[3] == b"BLOCK" else 0.0
        named = words[words.index(b"STREAMS") + 1 :]
        keys, after = named[: len(named) // 2], named[len(named) // 2 :]
        streams = [self._store.value(key, Stream) or Stream() for key in keys]
        since = [
            stream.last if bound == b"$" else entry_id(bound) for stream, bound in zip(streams, after, strict=True)
        ]
        deadline = asyncio.get_running_loop().time() + block
        while True:
            found: list[Any] = []
            for key, bound in zip(keys, since, strict=True):
                if entries := (self._store.value(key, Stream) or Stream()).after(bound, count):
                    found.append([key, entries])
            if found or asyncio.get_running_loop().time() >= deadline:
                return found or None
            await asyncio.sleep(0.005)


async def memory_log(
    store: Store, *, prefix: str = "wc", role: str = "test", timeout: float = 5.0, fault: Fault | None = None
) -> Log:
    """A log on the store, connected; it need not have been initialised."""
    settings = LogSettings(url="memory", prefix=prefix, timeout=timeout)
    kind = cast("Any", Connection)
    target = Target(kind, {"host": "memory", "port": 0, "store": store, "fault": fault})
    nodes = Nodes(
        Deployment(target, (target.address,)), timeout=timeout, control_timeout=settings.control_timeout, name=role
    )
    log = Log(settings, nodes, role=role)
    log.server = await nodes.greet()
    return log


def wall_us() -> int:
    return time.time_ns() // 1000


def _commands(packed: bytes) -> list[list[bytes]]:
    """The words of each command in the protocol of Redis."""
    commands: list[list[bytes]] = []
    place, find = 0, packed.index
    while place < len(packed):
        end = find(b"\r\n", place)  # of the line with a sign and how many words follow
        count, place = int(packed[place + 1 : end]), end + 2
        words: list[bytes] = []
        for _ in range(count):
            end = find(b"\r\n", place)  # of the line with a sign and how long the word is
            begin = end + 2
            end = begin + int(packed[place + 1 : end])
            words.append(packed[begin:end])
            place = end + 2
        if not words:
            raise ResponseError("ERR no command")
        commands.append(words)
    return commands
