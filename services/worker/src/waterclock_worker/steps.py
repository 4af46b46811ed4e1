"""The step logger of an attempt: bounded, in order, ready to be sent in numbered batches.

Executors write from any thread and never wait. What they wrote stays here, in order, until the recorder takes a batch.
Progress is told by its latest word. When the pending text outgrows its bound, further lines are counted instead of
kept, and a line says how many; past the cap of an attempt none are kept, and a line says that.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypedDict

from waterclock.kit.clock import Clock
from waterclock.kit.concealing import own
from waterclock.log.bodies import Body, body_of
from waterclock.model.events import (
    AnyStepEvent,
    Level,
    LogLine,
    StepFinished,
    StepLogged,
    StepProgressed,
    StepStarted,
    StepStatus,
)
from waterclock.model.ids import JobId, RunId
from waterclock.model.instants import stamp
from waterclock.model.outcomes import Error
from waterclock_worker import tracing
from waterclock_worker.text import LINE_MOST, NAME_MOST, cleaned, error_of

BATCH_BYTES = 64 * 1024  # lines of one event; about what one batch may hold
PENDING_MOST = 1024 * 1024  # characters that wait to be sent
RUN_MOST = 4 * 1024 * 1024  # characters of one attempt
CAPPED = f"the log of an attempt holds {RUN_MOST // (1024 * 1024)} MiB: further lines are not kept"
STEPS_MOST = 10_000  # of one attempt; further ones are not kept

_OVERHEAD = 64  # what a line costs beside its text


class _Identity(TypedDict):
    run_id: RunId
    job_id: JobId | None
    attempt: int
    fence: int


class _Lines:
    """Lines of one step that follow each other."""

    __slots__ = ("lines", "number", "size")

    def __init__(self, number: int | None) -> None:
        self.number = number
        self.lines: list[LogLine] = []
        self.size = 0


class StepLog:
    """What one attempt has told and is not yet stored. Implements `waterclock.executors.Report`."""

    __slots__ = (
        "_announced", "_begun", "_clock", "_closed", "_dropped", "_full", "_job_id", "_lock", "_pending", "_progress",
        "_steps", "_tell", "_traced", "_written", "attempt", "cancelled", "concealed", "fence", "partition",
        "pending_size", "run_id", "touched", "traceparent",
    )  # fmt: skip

    def __init__(
        self,
        *,
        run_id: RunId,
        job_id: JobId | None,
        attempt: int,
        fence: int,
        partition: int,
        clock: Clock,
        tell: Callable[[StepLog], None],
    ) -> None:
        """`tell` is called, from whatever thread, when there is something to take."""
        self.run_id = run_id
        self.partition = partition
        self._job_id = job_id
        self.attempt = attempt
        self.fence = fence
        self._clock = clock
        self._tell = tell
        self._lock = threading.Lock()
        self._pending: list[_Lines | AnyStepEvent] = []
        self._progress: dict[int, int] = {}  # step → where its progress stands in `_pending`
        self._begun: dict[Level, str] = {}  # printed lines without an end yet
        self._steps = 0
        self._traced: dict[int, tuple[str, float]] = {}  # open steps: name and monotonic start, where they are traced
        self._written = 0
        self._dropped = 0
        self._full = False
        self._closed = False
        self._announced = False
        self.pending_size = 0
        self.cancelled = False
        self.concealed = own()
        self.touched = False  # anything ever told
        self.traceparent: str | None = None  # of the attempt, where it is traced

    @property
    def has_pending(self) -> bool:
        return bool(self._pending)

    def step_started(self, name: str) -> int:
        with self._lock:
            self._steps += 1
            number = self._steps
            if number <= STEPS_MOST:
                started = StepStarted(**self._who(), number=number, name=cleaned(self.concealed(name), NAME_MOST))
                self._put(started)
                if self.traceparent is not None:
                    self._traced[number] = started.name, self._clock.monotonic()
        self._announce()
        return number

    def logged(self, step: int | None, level: Level, text: str) -> None:
        line = LogLine(at=stamp(self._clock.now_ms()), level=level, text=cleaned(self.concealed(text), LINE_MOST))
        with self._lock:
            self._line(step if step is not None and self._begun_here(step) else None, line)
        self._announce()

    def progressed(self, step: int, done: float, total: float | None) -> None:
        if not self._begun_here(step):
            return
        event = StepProgressed(**self._who(), number=step, done=done, total=total)
        with self._lock:
            place = self._progress.get(step)
            if place is not None:
                self._pending[place] = event
            else:
                self._progress[step] = len(self._pending)
                self._put(event)
        self._announce()

    def step_finished(self, step: int, status: StepStatus, error: BaseException | None) -> None:
        self.step_ended(step, status, None if error is None else error_of(error, skip=0, conceal=self.concealed))

    def conceal(self, secret: str) -> None:
        self.concealed = self.concealed.adding(secret)

    def step_ended(self, step: int, status: StepStatus, error: Error | None) -> None:
        if not self._begun_here(step):
            return
        with self._lock:
            self._progress.pop(step, None)
            self._put(StepFinished(**self._who(), number=step, status=status, error=error))
            traced = self._traced.pop(step, None)
        if traced is not None and self.traceparent is not None:
            name, began_at = traced
            seconds = self._clock.monotonic() - began_at
            kind = None if error is None else error.type
            tracing.step(self.traceparent, name, step, seconds=seconds, status=status, error=kind)
        self._announce()

    def printed(self, step: int | None, level: Level, text: str) -> None:
        """Take printed text: lines as they are complete."""
        with self._lock:
            *lines, rest = (self._begun.get(level, "") + text).split("\n")
            self._begun[level] = rest
        for line in lines:
            self.logged(step, level, line)

    def flush(self, step: int | None, level: Level) -> None:
        """Take a printed line as complete."""
        with self._lock:
            rest = self._begun.pop(level, "")
        if rest:
            self.logged(step, level, rest)

    def close(self) -> None:
        """Keep no more than there is: the attempt has ended, and threads it left behind have no say."""
        for level in tuple(self._begun):
            self.flush(None, level)
        with self._lock:
            self._closed = True

    def take(self, most: int) -> list[Body]:
        """The bodies of what is pending, oldest first, about `most` characters of it, at least one."""
        with self._lock:
            self._announced = False
            count = size = 0
            for item in self._pending:
                if size >= most:
                    break
                count += 1
                size += item.size if isinstance(item, _Lines) else 0
            taken, self._pending = self._pending[:count], self._pending[count:]
            self.pending_size -= size
            self._progress = {}
            if self._dropped:
                self._say_dropped()
        return [body_of(self._event(item)) for item in taken]

    def _begun_here(self, step: int) -> bool:
        """A child says what it likes: a number that no step has is not stored."""
        return 0 < step <= min(self._steps, STEPS_MOST)

    def _announce(self) -> None:
        """Say once that there is something, until it is taken: a chatty executor must not flood the worker's loop."""
        if not self._announced or self.pending_size >= BATCH_BYTES:
            self._announced = True
            self._tell(self)

    def _put(self, item: _Lines | AnyStepEvent) -> None:
        if self._closed:
            return
        self.touched = True
        self._pending.append(item)

    def _line(self, step: int | None, line: LogLine) -> None:
        size = len(line.text) + _OVERHEAD
        if self._full or self._closed:
            return
        if self._written + size > RUN_MOST:
            self._full = True
            line, size = LogLine(at=line.at, level="warning", text=CAPPED), 0
        elif self.pending_size + size > PENDING_MOST:
            self._dropped += 1
            return
        self._written += size
        self.pending_size += size
        last = self._pending[-1] if self._pending else None
        if not isinstance(last, _Lines) or last.number != step or last.size + size > BATCH_BYTES:
            last = _Lines(step)
            self._put(last)
        last.lines.append(line)
        last.size += size

    def _say_dropped(self) -> None:
        text = f"{self._dropped} lines were dropped here: they came faster than they could be stored"
        self._dropped = 0
        marker = _Lines(None)
        marker.lines.append(LogLine(at=stamp(self._clock.now_ms()), level="warning", text=text))
        self._pending.append(marker)

    def _event(self, item: _Lines | AnyStepEvent) -> AnyStepEvent:
        if not isinstance(item, _Lines):
            return item
        return StepLogged(**self._who(), number=item.number, lines=tuple(item.lines))

    def _who(self) -> _Identity:
        return _Identity(run_id=self.run_id, job_id=self._job_id, attempt=self.attempt, fence=self.fence)
