"""A program of PostgreSQL under way: in a group of its own, its complaints in the run's log, ended with its block."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections import deque
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping
from pathlib import Path

from waterclock.model.events import Level
from waterclock_worker.executors.backup.faults import ChildExit, ChildSignal, unwrapped
from waterclock_worker.executors.backup.limits import CHUNK
from waterclock_worker.reporting.bounds import line_of
from waterclock_worker.reporting.line_buffer import ByteLines, Printed

Tell = Callable[[Level, str], None]

_LINE_MOST = 4096
_LAST_LINES = 12
_LINGER = 1.0  # s for its last words


class Program:
    """A started program."""

    def __init__(self, name: str, process: asyncio.subprocess.Process) -> None:
        self.name = name
        self.last_lines: deque[str] = deque(maxlen=_LAST_LINES)
        self._process = process
        self._silent = asyncio.Event()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def output(self) -> asyncio.StreamReader:
        assert self._process.stdout is not None
        return self._process.stdout

    async def feed(self, chunk: bytes) -> bool:
        """Write to its input and wait until it takes more. False: it reads no further."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(chunk)
            await self._process.stdin.drain()
        except ConnectionError:
            return False
        return True

    async def feed_all(self, text: bytes) -> None:
        """Write all of its input, and end it."""
        await self.feed(text)
        await self.close_input()

    async def close_input(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        with contextlib.suppress(ConnectionError):
            await self._process.stdin.wait_closed()

    async def finish(self) -> None:
        """Wait for its end.

        Raises:
            ChildExit: its code is not 0.
            ChildSignal: a signal ended it.
        """
        code = await self._process.wait()
        await self.said_all()
        if code == 0:
            return
        said = "\n".join(self.last_lines)
        if code > 0:
            raise ChildExit(f"{self.name} exited with {code}: {said or 'no output'}")
        raise ChildSignal(f"{self.name} was ended by {_signal_name(-code)}{said and f': {said}'}")

    async def listen(self, tell: Tell, clean: Callable[[str], str]) -> None:
        assert self._process.stderr is not None
        async for line in _lines(self._process.stderr):
            text = line_of(line.text, clean, line.length, most=_LINE_MOST)
            self.last_lines.append(text)
            tell(_level(text), text)
        self._silent.set()

    async def said_all(self) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LINGER):
                await self._silent.wait()

    async def end(self, grace: float) -> None:
        """Stop it, if it still runs: SIGTERM to its group, SIGKILL after `grace` seconds. Its pipes are closed then."""
        if self._process.returncode is None:
            self._signal(signal.SIGTERM)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(grace):
                    await self._process.wait()
        if self._process.returncode is None:
            self._signal(signal.SIGKILL)
            await self._process.wait()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LINGER):
                while self._process.stdout is not None and await self._process.stdout.read(CHUNK):
                    pass

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)


@contextlib.asynccontextmanager
async def running(
    path: Path,
    arguments: Iterable[str | bytes],
    *,
    env: Mapping[str, str],
    tell: Tell,
    clean: Callable[[str], str] = str,
    grace: float = 1.5,
    reads_input: bool = False,
    writes_output: bool | None = None,
) -> AsyncGenerator[Program]:
    """Start a program without a shell, and end it when the block is left, however that happens.

    `tell` gets each line it complains with, after `clean`. With `reads_input` it is fed; then its output goes
    nowhere, unless `writes_output` wants it read.
    """
    pipe, nowhere = asyncio.subprocess.PIPE, asyncio.subprocess.DEVNULL
    process = await asyncio.create_subprocess_exec(
        str(path),
        *arguments,
        stdin=pipe if reads_input else nowhere,
        stdout=pipe if writes_output or (writes_output is None and not reads_input) else nowhere,
        stderr=pipe,
        env={name: value.encode() for name, value in env.items()},  # whatever this machine's locale is
        limit=CHUNK // 2,  # the reader pauses the pipe at twice that
        start_new_session=True,
    )
    program = Program(path.name, process)
    with unwrapped():
        async with asyncio.TaskGroup() as tasks:
            ear = tasks.create_task(program.listen(tell, clean), name=f"stderr of {path.name}")
            try:
                yield program
            finally:
                await program.end(grace)
                await program.said_all()
                ear.cancel()  # somebody else may hold the pipe


async def _lines(stream: asyncio.StreamReader) -> AsyncGenerator[Printed]:
    lines = ByteLines(errors="backslashreplace")  # names stand in them as the database writes them
    while chunk := await stream.read(CHUNK):
        for line in lines.feed(chunk):
            yield line
    for line in lines.close():
        yield line


def _level(line: str) -> Level:
    if ": error:" in line or ": fatal:" in line:
        return "error"
    return "warning" if ": warning:" in line else "info"


def _signal_name(number: int) -> str:
    try:
        return f"{signal.Signals(number).name} ({number})"
    except ValueError:
        return f"signal {number}"
