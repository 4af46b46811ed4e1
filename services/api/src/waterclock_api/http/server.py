"""The HTTP server, in our own process and loop: granian embedded (docs/decisions/0003-http-server.md)."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable

from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.server.embed import Server
from litestar.types import ASGIApp

from waterclock.kit.addresses import authority, setting_at_fault
from waterclock.kit.service import Unfit
from waterclock_api.limits.client_connections import (
    Connections,
    bound_buffers,
    connections_at_most,
    watchable,
)

BACKLOG = 1_024
CONNECTIONS = 2_048  # beside those of streams
HEAD_WITHIN = 10_000  # ms
RESTS = 9.5  # times as long a connection may rest between requests: longer than gateways keep it, 60 to 90 s
HEAD_BYTES = 64 << 10  # of a request's line and headers, and of what is read or written ahead
GRACE = 10.0  # s for requests under way once the process is to stop


async def serve(
    app: ASGIApp,
    host: str,
    port: int,
    stop: asyncio.Event,
    *,
    ready: Callable[[], None],
    ending: Callable[[], None],
    connections: int = CONNECTIONS,
    keep_alive: float | None = None,
) -> None:
    """Serve until `stop`; `ending` is called then, and must make what does not end by itself end.

    There are at most so many `connections`, and fewer where descriptors are fewer. `keep_alive`: s that one may rest.

    Raises:
        Unfit: the address cannot be bound.
    """
    check_free(host, port)
    most = connections_at_most(connections)
    watched = Connections(app, port, most, head_within=HEAD_WITHIN / 1000)
    rest = HEAD_WITHIN * RESTS if keep_alive is None else keep_alive * 1000
    server = Server(
        watched,
        address=host,
        port=port,
        interface=Interfaces.ASGINL,  # what a lifespan would do is done around us
        http=HTTPModes.http1,
        websockets=False,
        backlog=BACKLOG,
        backpressure=most,
        http1_settings=HTTP1Settings(header_read_timeout=_patience(rest), max_buffer_size=HEAD_BYTES),
        log_enabled=False,
    )
    async with asyncio.TaskGroup() as tasks:
        serving = tasks.create_task(server.serve(), name="serve http")
        await _listening(host, port, serving)
        bound_buffers(port)
        tending = tasks.create_task(watched.tend(), name="tend connections")
        ready()
        stopped = tasks.create_task(stop.wait(), name="wait for the end")
        await asyncio.wait((serving, stopped), return_when=asyncio.FIRST_COMPLETED)
        ending()
        server.stop()
        await asyncio.wait((serving,), timeout=GRACE)
        serving.cancel()
        tending.cancel()
        stopped.cancel()


def _patience(rest: float) -> int:
    """How long Granian waits for a head, ms: as long as a connection may rest, where `Connections` sees to the rest."""
    return max(HEAD_WITHIN, round(rest)) if watchable() else HEAD_WITHIN


def check_free(host: str, port: int) -> None:
    """The server binds with SO_REUSEPORT, and would share the port of another one of us without a word.

    Raises:
        Unfit: the address is taken, or not ours.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            setting = setting_at_fault(error, "WATERCLOCK_PORT")
            raise Unfit(f"{setting}: cannot listen on {authority(host, port)}: {error.strerror}") from error


async def _listening(host: str, port: int, serving: asyncio.Task[None]) -> None:
    """Until connections are accepted: the server does not say when."""
    while not serving.done():
        try:
            _, writer = await asyncio.open_connection(host, port)
        except OSError:
            await asyncio.sleep(0.005)
            continue
        writer.close()
        await writer.wait_closed()
        return
