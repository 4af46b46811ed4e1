"""Child processes, as the worker sees them: started, listened to, stopped, and told by how they end.

Between the two stands a guard (`guard.py`), which lets no process outlive the attempt that started it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncGenerator

from waterclock.kit.telemetry import traces
from waterclock.model.events import Level
from waterclock.model.outcomes import Error
from waterclock.model.timestamps import millis
from waterclock_worker.execution.attempt import Attempt
from waterclock_worker.execution.children import oom
from waterclock_worker.execution.children import protocol as words
from waterclock_worker.module_loader import standard_first
from waterclock_worker.reporting.bounds import bounded
from waterclock_worker.reporting.line_buffer import ByteLines
from waterclock_worker.reporting.outcome import Outcome, bad_result, wait_of
from waterclock_worker.reporting.results import BadResult, checked

GRACE = 1.5  # s between SIGTERM and SIGKILL
GUARD = "waterclock_worker.execution.children.guard"
_GUARD_GRACE = 2.0  # s for the guard to kill what is below it
_CHUNK = 64 * 1024
_LINGER = 1.0  # s for pipes that a descendant still holds after the child's end


class ChildProcesses:
    """Runs attempts in child processes, from the I/O loop: what blocks the executors' loop does not reach them."""

    def __init__(self, io: asyncio.AbstractEventLoop) -> None:
        self._io = io

    async def run(self, attempt: Attempt) -> None:
        """Execute the attempt in a child, from its start to its end."""
        outcome = Outcome("returned")
        if attempt.stopped is None:
            with attempt.traced():
                outcome = await self._executed(attempt)
        attempt.finish(outcome)

    async def _executed(self, attempt: Attempt) -> Outcome:
        reading, writing = os.pipe()
        try:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-P", "-X", "utf8", "-m", GUARD, str(writing), env=_environment(),
                stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
                pass_fds=(writing,), start_new_session=True,
            )  # fmt: skip
        except OSError as error:
            os.close(reading)
            return Outcome(
                "crashed",
                error=Error(type=type(error).__name__, message=f"the subprocess did not start: {error}"),
            )
        finally:
            os.close(writing)
        return await _Child(process, attempt, self._io).told(reading)


class _Child:
    def __init__(self, process: asyncio.subprocess.Process, attempt: Attempt, io: asyncio.AbstractEventLoop) -> None:
        self._process = process
        self._attempt = attempt
        self._io = io
        self._ended: words.Ended | None = None
        self._timers: list[asyncio.TimerHandle] = []
        self._killings = oom.killings()

    async def told(self, reading: int) -> Outcome:
        attempt, process = self._attempt, self._process
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        if attempt.limit:
            self._timers.append(self._io.call_later(attempt.limit, attempt.stop, "timedOut"))
        if not attempt.interrupted_by(lambda: self._io.call_soon_threadsafe(self._terminate)):
            self._terminate()
        pipe = await self._reader(reading)
        try:
            async with asyncio.TaskGroup() as listening:
                ears = [
                    listening.create_task(self._words(pipe), name=f"words of {attempt.name}"),
                    listening.create_task(self._lines(process.stdout, "info"), name=f"stdout of {attempt.name}"),
                    listening.create_task(self._lines(process.stderr, "warning"), name=f"stderr of {attempt.name}"),
                ]
                with contextlib.suppress(ConnectionError):
                    process.stdin.write(words.encode(self._task()) + b"\n")
                code = await process.wait()
                self._signal(signal.SIGKILL)  # had the guard itself been killed: what is left of its group
                await asyncio.wait(ears, timeout=_LINGER)
                for ear in ears:
                    ear.cancel()
        finally:
            for timer in self._timers:
                timer.cancel()
            process.stdin.close()
        return self._outcome(code)

    def _task(self) -> words.Task:
        attempt = self._attempt
        nominal_at = attempt.request.nominal_at
        return words.Task(
            path=standard_first(sys.path),
            module=attempt.executor.module,
            file=getattr(sys.modules.get(attempt.executor.module), "__file__", None),
            key=attempt.executor.key,
            run_id=attempt.grant.run_id,
            attempt=attempt.grant.attempt,
            fence=attempt.grant.fence,
            params=attempt.request.params,
            nominal_ms=None if nominal_at is None else millis(nominal_at),
            previous_ms=attempt.grant.previous_success or None,
            traceparent=attempt.traceparent or attempt.request.traceparent,
            tracestate=attempt.request.tracestate,
            instance=traces.instance(),
            deadline_ms=attempt.deadline_ms(),
        )

    async def _reader(self, fd: int) -> asyncio.StreamReader:
        reader = asyncio.StreamReader(limit=_CHUNK)
        await self._io.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(fd, "rb"))
        return reader

    def _terminate(self) -> None:
        self._signal(signal.SIGTERM)
        self._timers.append(self._io.call_later(GRACE, self._kill))

    def _kill(self) -> None:
        """Let the guard kill everything below it; if it does not, kill it, and with it at least its group."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._timers.append(self._io.call_later(_GUARD_GRACE, self._signal, signal.SIGKILL))

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, number)

    async def _lines(self, stream: asyncio.StreamReader, level: Level) -> None:
        """Lines outside the words: prints, and what programs that it starts say."""
        lines, steps = ByteLines(), self._attempt.steps
        try:
            while chunk := await stream.read(_CHUNK):
                for line in lines.feed(chunk):
                    steps.told(None, level, *line)
        finally:  # also where a descendant still holds the pipe
            for line in lines.close():
                steps.told(None, level, *line)

    async def _words(self, stream: asyncio.StreamReader) -> None:
        steps = self._attempt.steps
        async for line in split(stream, most=words.WORD_MOST):
            try:
                word = words.decode_word(line)
            except words.NoWord:
                steps.logged(None, "warning", line.decode(errors="replace"))
                continue
            match word:
                case words.Began(name=name):
                    steps.step_started(name)
                case words.Said(step=step, level=level, text=text):
                    steps.logged(step, level, text)
                case words.Progressed(step=step, done=done, total=total):
                    steps.progressed(step, done, total)
                case words.Redacted(secret=secret):
                    steps.conceal(secret)
                case words.Finished(step=step, status=status, error=error):
                    steps.step_ended(step, status, None if error is None else bounded(error))
                case words.Ended() as ended:
                    self._ended = ended

    def _outcome(self, code: int) -> Outcome:
        if code == 0 and self._ended is not None:
            return outcome_told(self._ended)
        if code == -signal.SIGKILL and (why := oom.explained(self._killings, oom.killings())):
            message = f"{_signal_name(signal.SIGKILL)}; {why}"
            return Outcome("crashed", error=Error(type="ChildOutOfMemory", message=message))
        if code < 0:
            return Outcome("crashed", error=Error(type="ChildSignal", message=_signal_name(-code)))
        message = f"exit code {code}" if code else "exit code 0, but it reported no result"
        return Outcome("crashed", error=Error(type="ChildExit", message=message))


def outcome_told(told: words.Ended) -> Outcome:
    """How an attempt ended, as its process says: that is checked again, for its pipe is open to the executor."""
    error = None if told.error is None else bounded(told.error)
    if told.kind == "succeeded":
        try:
            return Outcome("succeeded", checked(bytes(told.result)))
        except BadResult as bad:
            return bad_result(bad)
    if error is None or told.kind not in {"failed", "badParams"}:
        return Outcome("crashed", error=Error(type="ChildExit", message=f"exit code 0, but it reported {told.kind!r}"))
    return Outcome(told.kind, error=error, final=told.final, after=wait_of(told.after))


async def split(stream: asyncio.StreamReader, *, most: int) -> AsyncGenerator[bytes]:
    """Lines of a stream as they come, without their ends; one longer than `most` bytes is given in pieces."""
    rest = bytearray()
    while chunk := await stream.read(_CHUNK):
        first, *lines = chunk.split(b"\n")
        rest += first
        if lines:
            yield bytes(rest)
            for line in lines[:-1]:
                yield line
            rest = bytearray(lines[-1])
        elif len(rest) > most:
            yield bytes(rest)
            rest = bytearray()
    if rest:
        yield bytes(rest)


def _environment() -> dict[str, str]:
    """What it prints is read as UTF-8, whatever the locale, and so is what the programs print that it starts."""
    return {**os.environ, "PYTHONIOENCODING": "utf-8:backslashreplace"}


def _signal_name(number: int) -> str:
    try:
        return f"{signal.Signals(number).name} ({number})"
    except ValueError:
        return f"signal {number}"
