"""Servers that end or stand still: by their own pid, whatever state they are in."""

import os
import signal
from collections.abc import Iterable
from typing import Any

from waterclock_dev.servers.server import Server


async def end(servers: Iterable[Server[Any]]) -> None:
    """Kill those that run, also those that stand still."""
    for server in servers:
        if server.running:
            await server.kill()


def stand_still(server: Server[Any]) -> None:
    """As a suspended machine: its connections stay, and it answers nothing."""
    os.kill(server.pid, signal.SIGSTOP)


def go_on(server: Server[Any]) -> None:
    os.kill(server.pid, signal.SIGCONT)
