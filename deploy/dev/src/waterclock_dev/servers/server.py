"""Embedded servers: programs from wheels, each with its data in a folder and a port on the loopback interface.

A server keeps its port, so its URL stays good when it is started again after a stop or a crash. While any process of
it lives it holds a lock beside its data; a second server on the same data is refused, and a restart after `kill -9`
waits until the last orphan is gone.
"""

import asyncio
import fcntl
import os
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Generic, NoReturn, Protocol, Self, TypeVar

from waterclock_dev.servers.children import Child, OnLine
from waterclock_dev.servers.ports import free_port

TRIES = 5  # ports tried before we give up: each is free when chosen, and rarely taken before it is bound
LOCK_WAIT = 5.0  # s; orphans of a killed server are gone within milliseconds
POLL = 0.01  # s between two looks whether it is ready


class ServerError(Exception):
    """A server did not start; the message ends with the last lines of its log."""


class Program(Protocol):
    """What a server runs: how to begin, what to execute, when to call it ready."""

    @property
    def name(self) -> str: ...
    @property
    def data(self) -> Path: ...
    @property
    def stop_signal(self) -> signal.Signals: ...

    async def prepare(self) -> None:
        """Make the data folder ready; no process of an earlier start lives when this is called."""

    def command(self, port: int) -> list[str]: ...
    def env(self) -> Mapping[str, str] | None: ...
    def url(self, port: int) -> str: ...

    async def ready(self, port: int, child: Child) -> bool:
        """Whether `child`, and no other program on that port, answers."""
        ...


P = TypeVar("P", bound=Program)


class Server(Generic[P]):
    """A program that is started and stopped as often as wanted, always on the same data and port."""

    def __init__(self, program: P, *, port: int | None = None, on_line: OnLine | None = None) -> None:
        """Without `port` a free one is found at the first start. `on_line` gets each line of its log, in a thread."""
        self.program = program
        self._port = port
        self._on_line = on_line
        self._child: Child | None = None

    @property
    def name(self) -> str:
        return self.program.name

    @property
    def url(self) -> str:
        """Where clients reach it; known after the first start."""
        return self.program.url(self.port)

    @property
    def port(self) -> int:
        assert self._port is not None, f"{self.name} was never started"
        return self._port

    @property
    def process(self) -> Child:
        """The process of the last start."""
        assert self._child is not None, f"{self.name} was never started"
        return self._child

    @property
    def pid(self) -> int:
        """The program's own pid, no launcher's."""
        return self.process.pid

    @property
    def running(self) -> bool:
        return self._child is not None and self._child.running

    async def start(self, *, deadline: float = 30.0) -> None:
        """Start it, in `deadline` seconds, and return when it answers.

        Raises:
            ServerError: it exited, its port or its data is taken, or it did not answer in time.
        """
        assert not self.running, f"{self.name} runs already"
        self.program.data.parent.mkdir(parents=True, exist_ok=True)
        lock = await _lock(self.program.data)
        try:
            await self.program.prepare()
            await self._start_on_some_port(lock, deadline)
        finally:
            os.close(lock)  # the child has its own handle

    async def stop(self, *, grace: float = 10.0) -> None:
        """Let it finish its writes, and kill it after `grace` seconds; nothing, if it does not run."""
        if self.running:
            await self.process.stop(self.program.stop_signal, grace=grace)

    async def kill(self) -> None:
        """End it as a crash would. Processes of its own, which notice that in a moment, are waited for."""
        await self.process.kill()
        await self.process.silent(within=5.0)

    async def exited(self) -> int:
        """Wait until it has exited; its code, or the number of the signal, negative."""
        return await self.process.exited()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def _start_on_some_port(self, lock: int, deadline: float) -> None:
        for left in reversed(range(TRIES if self._port is None else 1)):
            port = free_port() if self._port is None else self._port
            child = Child(
                self.program.command(port),
                name=self.name,
                on_line=self._on_line,
                env=self.program.env(),
                keep_open=[lock],
            )
            try:
                await self._answer(child, port, deadline)
            except BaseException as error:
                await child.kill()
                if isinstance(error, ServerError) and left and "address already in use" in str(error).casefold():
                    continue
                raise
            self._child, self._port = child, port
            return

    async def _answer(self, child: Child, port: int, deadline: float) -> None:
        try:
            async with asyncio.timeout(deadline), asyncio.TaskGroup() as tasks:
                end = tasks.create_task(self._fail_at_exit(child, port), name=f"end of {self.name}")
                while not await self.program.ready(port, child):  # noqa: ASYNC110  only asking tells
                    await asyncio.sleep(POLL)
                end.cancel()
        except TimeoutError:
            raise ServerError(f"{self.name} did not answer in {deadline:g} s.\n{child.last_lines}") from None
        except ExceptionGroup as group:
            raise group.exceptions[0] from None

    async def _fail_at_exit(self, child: Child, port: int) -> NoReturn:
        code = await child.exited()
        raise ServerError(f"{self.name} exited with {code} on port {port}.\n{child.last_lines}")


async def _lock(data: Path) -> int:
    """An exclusive hold on `data`, kept for as long as any process has the descriptor open."""
    handle = os.open(data.with_name(f"{data.name}.lock"), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        async with asyncio.timeout(LOCK_WAIT):
            while not _try_lock(handle):  # noqa: ASYNC110  the holder is another process
                await asyncio.sleep(POLL)
    except BaseException as error:
        os.close(handle)
        if isinstance(error, TimeoutError):
            raise ServerError(f"another server uses {data}") from None
        raise
    return handle


def _try_lock(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
