"""Processes kept running: what exited is started again, what is silent is left alone.

A process that does not answer may be paused, debugged or busy; only its owner knows. One that exited is gone.
"""

import asyncio
import time
from collections.abc import Callable, Coroutine
from typing import Any, NoReturn, Protocol, TypeAlias

from waterclock_dev.servers.server import ServerError

Tell: TypeAlias = Callable[[str], None]

FIRST_PAUSE, LAST_PAUSE = 0.1, 5.0  # s, doubled from one restart to the next
STEADY = 10.0  # s; what ran this long was well, and its next pause is short again


class Part(Protocol):
    """A process that can be started, again after it has exited."""

    @property
    def name(self) -> str: ...
    @property
    def pid(self) -> int: ...

    async def start(self) -> None:
        """Start the process.

        Raises:
            ServerError: it did not start; `exited` then returns at once.
        """
        ...

    async def exited(self) -> int:
        """Wait until the process of the last start is gone; its code, or the signal's number, negative."""
        ...

    async def stop(self) -> None:
        """Let it finish, and kill it when that takes too long; nothing, if it does not run."""
        ...


async def keep(part: Part, *, tell: Tell, started: Callable[[], None]) -> NoReturn:
    """Start a running part again whenever it has exited, after a pause that grows while it does not stay up."""
    pause = FIRST_PAUSE
    while True:
        since = time.monotonic()
        code = await part.exited()
        if time.monotonic() - since >= STEADY:
            pause = FIRST_PAUSE
        tell(f"{part.name} {_end(code)}; it starts again in {pause:g} s")
        await asyncio.sleep(pause)
        pause = min(pause * 2, LAST_PAUSE)
        try:
            await part.start()
        except (ServerError, OSError) as error:
            tell(str(error))
        else:
            started()


async def together(*work: Coroutine[Any, Any, object]) -> None:
    """Do all of `work` at once; the first error ends the rest and is raised as it is."""
    try:
        async with asyncio.TaskGroup() as tasks:
            for number, one in enumerate(work):
                tasks.create_task(one, name=f"{getattr(one, '__qualname__', 'part')} {number}")
    except BaseExceptionGroup as group:
        raise group.exceptions[0] from None


async def until(stop: asyncio.Event, work: Coroutine[Any, Any, object]) -> None:
    """Do `work` until it returns or `stop` is set, whichever comes first."""

    async def end_at_stop() -> None:
        await stop.wait()
        doing.cancel()

    try:
        async with asyncio.TaskGroup() as tasks:
            doing = tasks.create_task(work, name="work until stopped")
            ending = tasks.create_task(end_at_stop(), name="wait for stop")
            doing.add_done_callback(lambda _: ending.cancel())
    except BaseExceptionGroup as group:
        raise group.exceptions[0] from None


def _end(code: int) -> str:
    return f"exited with {code}" if code >= 0 else f"was ended by signal {-code}"
