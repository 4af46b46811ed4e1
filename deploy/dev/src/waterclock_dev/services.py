"""Waterclock's own services, each a process."""

import asyncio
import concurrent.futures
import re
import signal
import sys
from collections.abc import Mapping, Sequence

from waterclock_dev.servers.children import Child, OnLine, ending_with_us
from waterclock_dev.servers.server import ServerError

READY = re.compile(r': ready(?= |$)|"event": ?"ready"')  # as kit.telemetry writes it, as text and as JSON


class Service:
    """`waterclock <verb>` with its settings in the environment; a part that `supervise.keep` can keep.

    When this process is killed the kernel kills the service too: a sudden end is one for all of it.
    """

    def __init__(
        self,
        name: str,
        *,
        verb: str,
        env: Mapping[str, str],
        on_line: OnLine,
        grace: float,
        arguments: Sequence[str] = (),
        program: Sequence[str] = (),
    ) -> None:
        """`grace` is how many seconds it has to stop when asked, before it is killed.

        `program`: what the interpreter is told instead of the verb.
        """
        self.name = name
        self._command = python(program) if program else command(verb, arguments)
        self._env = env
        self._on_line = on_line
        self._grace = grace
        self._child: Child | None = None
        self._said_ready: concurrent.futures.Future[None] = concurrent.futures.Future()

    @property
    def pid(self) -> int:
        assert self._child is not None, f"{self.name} was never started"
        return self._child.pid

    @property
    def running(self) -> bool:
        return self._child is not None and self._child.running

    async def start(self) -> None:
        said: concurrent.futures.Future[None] = concurrent.futures.Future()
        said.set_running_or_notify_cancel()  # so that a cancelled waiter does not cancel it for all

        def read(line: str) -> None:
            if not said.done() and READY.search(line):
                said.set_result(None)
            self._on_line(line)

        self._said_ready = said
        self._child = Child(self._command, name=self.name, on_line=read, env=self._env)

    async def ready(self, *, deadline: float) -> None:
        """Wait until it says that it serves.

        Raises:
            ServerError: it exited, or said nothing for `deadline` seconds.
        """
        assert self._child is not None
        said = asyncio.wrap_future(self._said_ready)
        try:
            async with asyncio.timeout(deadline), asyncio.TaskGroup() as tasks:
                end = tasks.create_task(self._fail_at_exit(self._child), name=f"end of {self.name}")
                await said
                end.cancel()
        except TimeoutError:
            lines = self._child.last_lines
            raise ServerError(f"{self.name} was not ready in {deadline:g} s.\n{lines}") from None
        except ExceptionGroup as group:
            raise group.exceptions[0] from None

    async def exited(self) -> int:
        assert self._child is not None
        return await self._child.exited()

    async def stop(self) -> None:
        if self._child is not None and self._child.running:
            await self._child.stop(grace=self._grace)

    async def _fail_at_exit(self, child: Child) -> None:
        code = await child.exited()
        raise ServerError(f"{self.name} exited with {code} before it was ready.\n{child.last_lines}")


async def run_once(verb: str, *, env: Mapping[str, str], on_line: OnLine, deadline: float) -> None:
    """Run `waterclock <verb>` to its end; raises as `run_program`."""
    await run_program(command(verb), name=verb, env=env, on_line=on_line, deadline=deadline)


async def run_program(
    words: Sequence[str], *, name: str, env: Mapping[str, str], deadline: float, on_line: OnLine | None = None
) -> None:
    """Run a program to its end.

    Raises:
        ServerError: it failed, or took longer than `deadline` seconds.
    """
    child = Child(words, name=name, on_line=on_line, env=env)
    try:
        async with asyncio.timeout(deadline):
            code = await child.exited()
    except TimeoutError:
        raise ServerError(f"{name} did not end in {deadline:g} s.\n{child.last_lines}") from None
    finally:
        await child.kill()
    if code != 0:
        raise ServerError(f"{name} exited with {code}.\n{child.last_lines}")


def command(verb: str, arguments: Sequence[str] = ()) -> list[str]:
    """`waterclock <verb>` by the interpreter that runs us, so that the pid is its own; what lies here is no module."""
    return python(["-m", "waterclock.cli", verb, *arguments])


def python(words: Sequence[str]) -> list[str]:
    """The interpreter that runs us, told these words."""
    return ending_with_us([sys.executable, "-P", *words], signal.SIGKILL)
