"""The step logger of an attempt: bounded, in order, ready to be sent in numbered batches.

Executors write from any thread and never wait. What they wrote stays here, in order, until the recorder takes a batch.
Progress is told by its latest word. A log keeps its beginning, which is sent as it comes, and its end (`pending`).
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from typing import TypedDict

from waterclock.kit.clock import Clock
from waterclock.kit.redaction import own
from waterclock.log.commands.bodies import Body, body_of
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
from waterclock.model.outcomes import Error
from waterclock.model.timestamps import stamp
from waterclock_worker import tracing
from waterclock_worker.reporting.bounds import NAME_MOST, cleaned, error_of, exact, line_of
from waterclock_worker.reporting.line_buffer import LineBuffer, without_returns
from waterclock_worker.reporting.log_tail import OF_PROCESS, Memory
from waterclock_worker.reporting.pending import BATCH_BYTES, Lines, Pending

STEPS_MOST = 10_000  # of one attempt; further ones are not kept


class _Identity(TypedDict):
    run_id: RunId
    job_id: JobId | None
    attempt: int
    fence: int


class StepLog:
    """What one attempt has told and is not yet stored. Implements `waterclock.executors.Report`."""

    __slots__ = (
        "_announced", "_begun", "_clock", "_job_id", "_lock", "_pending", "_steps", "_tell", "_traced", "attempt",
        "cancelled", "concealed", "fence", "partition", "run_id", "traceparent", "tracestate",
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
        memory: Memory = OF_PROCESS,
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
        self._pending = Pending(clock, memory)
        self._begun: dict[Level, LineBuffer] = {}  # printed lines without an end yet
        self._steps = 0
        self._traced: dict[int, tuple[str, float]] = {}  # open steps: name and monotonic start, where they are traced
        self._announced = 0  # what `tell` was called with: nothing, something, more than a batch
        self.cancelled = False
        self.concealed = own()
        self.traceparent: str | None = None  # of the attempt, where it is traced
        self.tracestate: str | None = None

    @property
    def has_pending(self) -> bool:
        return bool(self._pending)

    @property
    def pending_size(self) -> int:
        return self._pending.size

    @property
    def touched(self) -> bool:
        """Whether anything was ever told."""
        return self._pending.touched

    def step_started(self, name: str) -> int:
        with self._lock:
            self._steps += 1
            number = self._steps
            if number <= STEPS_MOST:
                started = StepStarted(**self._who(), number=number, name=cleaned(self.concealed(name), NAME_MOST))
                self._pending.put(started)
                if self.traceparent is not None:
                    self._traced[number] = started.name, self._clock.monotonic()
        self._announce()
        return number

    def logged(self, step: int | None, level: Level, text: str) -> None:
        self.told(step, level, without_returns(exact(text)))

    def told(self, step: int | None, level: Level, text: str, length: int | None = None) -> None:
        """Take a line. `length`: of the whole, where `text` is its beginning."""
        now_ms = self._clock.now_ms()
        line = LogLine(at=stamp(now_ms), level=level, text=line_of(text, self.concealed, length))
        with self._lock:
            self._pending.put_line(step if step is not None and self._begun_here(step) else None, line, now_ms)
        self._announce()

    def progressed(self, step: int, done: float, total: float | None) -> None:
        if not self._begun_here(step) or not math.isfinite(done) or (total is not None and not math.isfinite(total)):
            return
        event = StepProgressed(**self._who(), number=step, done=done, total=total)
        with self._lock:
            self._pending.put_progress(step, event)
        self._announce()

    def step_finished(self, step: int, status: StepStatus, error: BaseException | None) -> None:
        self.step_ended(step, status, None if error is None else error_of(error, skip=0, conceal=self.concealed))

    def conceal(self, secret: str) -> None:
        self.concealed = self.concealed.adding(secret)

    def step_ended(self, step: int, status: StepStatus, error: Error | None) -> None:
        if not self._begun_here(step):
            return
        with self._lock:
            self._pending.end_progress(step)
            if error is not None:
                error = self._pending.kept_of(error)
            self._pending.put(StepFinished(**self._who(), number=step, status=status, error=error))
            traced = self._traced.pop(step, None)
        if traced is not None and self.traceparent is not None:
            name, began_at = traced
            seconds = self._clock.monotonic() - began_at
            kind = None if error is None else error.type
            tracing.step(self.traceparent, self.tracestate, name, step, seconds=seconds, status=status, error=kind)
        self._announce()

    def printed(self, step: int | None, level: Level, text: str) -> None:
        """Take printed text: lines as they are complete."""
        with self._lock:
            begun = self._begun.get(level)
            if begun is None:
                begun = self._begun[level] = LineBuffer()
            lines = begun.feed(exact(text))
        for line in lines:
            self.told(step, level, *line)

    def flush(self, step: int | None, level: Level) -> None:
        """Take a printed line as complete, unless it is a bar: that is told by its last state."""
        with self._lock:
            begun = self._begun.get(level)
            line = None if begun is None else begun.flush()
        if line is not None:
            self.told(step, level, *line)

    def close(self) -> None:
        """Keep no more than there is: the attempt has ended, and threads it left behind have no say."""
        begun: dict[Level, LineBuffer] = {}
        if self._begun:
            with self._lock:
                begun, self._begun = self._begun, {}
        for level, lines in begun.items():
            if (line := lines.close()) is not None:
                self.told(None, level, *line)
        with self._lock:
            self._pending.close()

    def drop(self) -> None:
        """As `close`, and what is not stored never will be: the attempt has lost its run."""
        with self._lock:
            self._begun = {}
            self._pending.drop()

    @property
    def closed(self) -> bool:
        """Whether the attempt has ended."""
        return self._pending.closed

    def add(self, text: str) -> None:
        """A warning of ours about an attempt that has ended, while its ending is not sent."""
        now_ms = self._clock.now_ms()
        line = LogLine(at=stamp(now_ms), level="warning", text=line_of(text, self.concealed, None))
        with self._lock:
            self._pending.add(line, now_ms)

    def take(self, most: int) -> list[Body]:
        """The bodies of what is pending, oldest first, about `most` characters of it, at least one."""
        with self._lock:
            self._announced = 0
            taken = self._pending.take(most)
        return [body_of(self._event(item)) for item in taken]

    def _begun_here(self, step: int) -> bool:
        """A child says what it likes: a number that no step has is not stored."""
        return 0 < step <= min(self._steps, STEPS_MOST)

    def _announce(self) -> None:
        """Say once that there is something, until it is taken: a chatty executor must not flood the worker's loop."""
        urgency = 2 if self.pending_size >= BATCH_BYTES else 1
        if urgency > self._announced and self._pending:
            self._announced = urgency
            self._tell(self)

    def _event(self, item: Lines | AnyStepEvent) -> AnyStepEvent:
        if not isinstance(item, Lines):
            return item
        return StepLogged(**self._who(), number=item.number, lines=tuple(item.lines))

    def _who(self) -> _Identity:
        return _Identity(run_id=self.run_id, job_id=self._job_id, attempt=self.attempt, fence=self.fence)
