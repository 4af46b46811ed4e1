"""Executors that end, or would end, the process of their worker."""

from __future__ import annotations

import os
import signal
import time

from waterclock import RunContext, executor


@executor("ends.terminated")
def terminated(ctx: RunContext) -> str:
    """As a script does that stops its own server."""
    os.kill(os.getpid(), signal.SIGTERM)
    return "went on"


@executor("ends.exit")
def exits(ctx: RunContext) -> None:
    os._exit(3)


@executor("ends.async.exit")
async def exits_on_loop(ctx: RunContext) -> None:
    os._exit(3)


@executor("ends.untaken")
def untaken(ctx: RunContext) -> None:
    os.kill(os.getpid(), signal.SIGUSR1)


@executor("ends.alarm")
def alarm(ctx: RunContext) -> str:
    """Would end the process, by a signal that nobody takes."""
    signal.setitimer(signal.ITIMER_REAL, 0.01)
    while signal.getitimer(signal.ITIMER_REAL)[0]:
        time.sleep(0.001)
    return "went on"


@executor("ends.alarm_left")
def alarm_left(ctx: RunContext) -> None:
    signal.alarm(600)
