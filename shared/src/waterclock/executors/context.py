"""What a run hands to its executor: how to report, how to give up, and what it is about."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from contextvars import ContextVar, Token
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Any, Protocol, Self, TypeVar, overload

from waterclock.executors.descriptions import level_of, number_of, text_of
from waterclock.executors.lifespans import AnyLifespan, AsyncLifespan, PlainLifespan
from waterclock.executors.logger import RunLogger, logger_of
from waterclock.model.events import Level, StepStatus

T = TypeVar("T")


current_step: ContextVar[int | None] = ContextVar("current_step", default=None)
"""The innermost open step where the caller runs: where `print`, `logging` and `ctx.log` belong."""
LATEST_RETRY = LONGEST_TIMEOUT = 366 * 86_400  # s


class GiveUp(Exception):
    """Raised by an executor: the run fails now, whatever attempts are left."""


class Retry(Exception):
    """Raised by an executor: the attempt failed; the next one, if any is left, starts `after` from now.

    `after` is a timedelta or a number of seconds, at most 366 days; None leaves it to the run's back-off.
    """

    def __init__(self, after: timedelta | float | None = None, message: str = "") -> None:
        super().__init__(message or "the executor asked for another attempt")
        seconds = after.total_seconds() if isinstance(after, timedelta) else after
        if seconds is not None and not 0 <= seconds <= LATEST_RETRY:
            raise ValueError(f"after is {seconds} s: a retry must be between now and {LATEST_RETRY} s from now")
        self.after = seconds


class Report(Protocol):
    """Where an attempt's steps and lines go. May be called from any thread; never waits."""

    @property
    def cancelled(self) -> bool: ...
    def step_started(self, name: str) -> int:
        """Returns the step's number, from 1 in each attempt."""
        ...

    def logged(self, step: int | None, level: Level, text: str) -> None: ...
    def progressed(self, step: int, done: float, total: float | None) -> None: ...
    def step_finished(self, step: int, status: StepStatus, error: BaseException | None) -> None: ...
    def conceal(self, secret: str) -> None: ...


class Values(Protocol):
    """Where the values of lifespans are kept that this attempt may use."""

    def use(self, one: AnyLifespan) -> Any: ...


class Step:
    """A named part of an attempt, used as `async with ctx.step("…") as step`, or `with` in a plain function."""

    __slots__ = ("_before", "_report", "name", "number")

    def __init__(self, report: Report, name: str) -> None:
        self._report = report
        self._before: Token[int | None] | None = None
        self.name = name
        self.number = 0  # until it is entered

    def log(self, text: object, *args: object, level: Level = "info") -> None:
        """Write a line of the run's log; `args` are formatted into `text` as by `logging`."""
        self._report.logged(self.number, level_of(level), text_of(text, args))

    def progress(self, done: float, total: float | None = None) -> None:
        """Say how far the step is; the latest word counts, so it may be called as often as is convenient.

        What is not finite is left out.
        """
        found = number_of(done)
        if found is not None:
            self._report.progressed(self.number, found, None if total is None else number_of(total))

    def __enter__(self) -> Self:
        self.number = self._report.step_started(self.name)
        self._before = current_step.set(self.number)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._before is not None
        current_step.reset(self._before)
        status: StepStatus = "succeeded"
        if error is not None:
            status = "cancelled" if isinstance(error, asyncio.CancelledError) else "failed"
        self._report.step_finished(self.number, status, error if status == "failed" else None)

    async def __aenter__(self) -> Self:
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.__exit__(kind, error, trace)


class RunContext:
    """What an executor is told about the attempt it runs for, and its way to tell of it.

    `run_id` and `fence` are meant to be passed on: `run_id` as an idempotency key, `fence` (it only grows) to whatever
    can refuse an older writer, for a worker that was paused may go on a little after its run was given to another.
    """

    __slots__ = (
        "_deadline_ms", "_nominal_ms", "_previous_ms", "_report", "_values", "attempt", "fence", "params", "run_id",
        "traceparent", "tracestate",
    )  # fmt: skip

    def __init__(
        self,
        *,
        run_id: str,
        attempt: int,
        fence: int,
        params: Any,
        report: Report,
        nominal_ms: int | None = None,
        previous_ms: int | None = None,
        traceparent: str | None = None,
        tracestate: str | None = None,
        deadline_ms: int | None = None,
        values: Values | None = None,
    ) -> None:
        self.run_id = run_id
        self.attempt = attempt  # from 1
        self.fence = fence
        self.params = params  # as the executor's struct; a dict where it takes none
        self._report = report
        self._nominal_ms = nominal_ms
        self._previous_ms = previous_ms
        self.traceparent = traceparent  # W3C trace context, for what the executor calls; None: the run is in no trace
        self.tracestate = tracestate  # to be passed on beside it; None: who began the trace said nothing
        self._deadline_ms = deadline_ms
        self._values = values

    @property
    def nominal_at(self) -> datetime | None:
        """The instant of the schedule that this run answers; None for one started by hand."""
        return _moment(self._nominal_ms)

    @property
    def previous_success(self) -> datetime | None:
        """The latest instant whose run of this job had succeeded when this attempt began; None if none ever had.

        A run that answered no instant, one started by hand, counts with the moment of its request.
        """
        return _moment(self._previous_ms)

    @property
    def deadline(self) -> datetime | None:
        """When the attempt runs out of time; None without a timeout."""
        return _moment(self._deadline_ms)

    @property
    def cancelled(self) -> bool:
        """Whether the attempt is asked to stop; a plain function looks here, for its thread cannot be stopped."""
        return self._report.cancelled

    @overload
    def use(self, one: AsyncLifespan[T]) -> Awaitable[T]: ...
    @overload
    def use(self, one: PlainLifespan[T]) -> T: ...
    def use(self, one: AnyLifespan) -> Any:
        """The value of a `@lifespan`, opened once for all runs: awaited in an `async def`, as it is in a plain `def`.

        Raises:
            Exception: whatever the lifespan raised when it was opened; the next to ask opens it anew.
            TypeError: it is not of the executor's kind, `async def` or plain.
        """
        if self._values is None:
            raise RuntimeError("this context has no lifespan values")
        return self._values.use(one)

    def step(self, name: str) -> Step:
        return Step(self._report, text_of(name, ()))

    def conceal(self, secret: str) -> None:
        """Keep a secret of at least 4 characters out of all that the attempt tells from now on: `[secret]` is told.

        Of lines, errors with their tracebacks, names of steps and the result; also as JSON, URLs and Base64 write it.
        """
        self._report.conceal(secret)

    @property
    def logger(self) -> RunLogger:
        """A logger of the standard library for what takes one; it names the run wherever its records go."""
        return logger_of(self.run_id, self.attempt, self.traceparent)

    def log(self, text: object, *args: object, level: Level = "info") -> None:
        """Write a line of the run's log, in the innermost open step if there is one."""
        self._report.logged(current_step.get(), level_of(level), text_of(text, args))


def _moment(ms: int | None) -> datetime | None:
    return None if ms is None else datetime.fromtimestamp(ms / 1000, UTC)
