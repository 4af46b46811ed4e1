"""Executors: typed functions that a worker runs when a run of their key is due.

A module of executors imports this and no worker. `@executor` leaves the function callable as it was and declares it; a
worker that loads the module finds what was declared. How a run reports (steps, lines, progress) is behind `Report`,
which the worker implements, and a test of an executor may too.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from contextvars import ContextVar, Token
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Any, Generic, Literal, ParamSpec, Protocol, Self, TypeVar, get_type_hints, overload

from waterclock.executors.descriptions import level_of, number_of, text_of, written
from waterclock.executors.lifespans import AnyLifespan, AsyncLifespan, PlainLifespan
from waterclock.executors.logger import RunLogger, logger_of
from waterclock.model.events import Level, StepStatus
from waterclock.model.names import name_flaw, normal

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")
Kind = Literal["async", "thread", "child"]
"""Where an executor runs: on the executors' loop, in a thread, or in a child process."""


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
            raise ValueError(f"after is {seconds} s: a retry cannot lie in the past, nor beyond {LATEST_RETRY} s")
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


current_step: ContextVar[int | None] = ContextVar("current_step", default=None)
"""The innermost open step where the caller runs: where `print`, `logging` and `ctx.log` belong."""


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
        "traceparent",
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
            raise RuntimeError("this context was made without values of lifespans")
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


class Executor(Generic[P, R]):
    """A declared executor; calling it calls the function."""

    def __init__(
        self,
        function: Callable[P, R],
        *,
        key: str,
        timeout: float | None,
        kind: Kind,
        aliases: tuple[str, ...],
        check: Callable[[Any], None] | None = None,
    ) -> None:
        self.function = function
        self.key = key
        self.timeout = timeout  # seconds; None: not said; 0: none
        self.kind: Kind = kind
        self.is_async = _kind(function) == "async"
        self.aliases = aliases
        self.module = function.__module__
        self.description = inspect.cleandoc(function.__doc__ or "")
        self.params_type, self.result_type = _types(key, function)
        self.check = check
        if check is not None and self.params_type is None:
            raise TypeError(f"executor {key}: it takes no parameters, so there is nothing for `check` to look at")
        if inspect.iscoroutinefunction(check):
            raise TypeError(f"executor {key}: `check` must be a plain function, which waits for nothing")

    def check_params(self, params: Any) -> None:
        """Have the executor's own `check` look at parameters that fit their type.

        Raises:
            ValueError: it refuses them.
            TypeError: it says anything but nothing.
        """
        if self.check is None:
            return
        said: object = self.check(params)
        if said is not None:
            kind = type(said).__name__
            raise TypeError(f"executor {self.key}: its `check` returned {kind}; it refuses by ValueError('…')")

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        return self.function(*args, **kwargs)


AnyExecutor = Executor[..., Any]
NO_RESULT = inspect.Signature.empty
"""The result type of an executor whose function does not say."""

_declared: list[AnyExecutor] = []


def executor(
    key: str,
    *,
    timeout: timedelta | float | None = None,
    subprocess: bool = False,
    aliases: tuple[str, ...] | list[str] = (),
    check: Callable[[Any], None] | None = None,
) -> Callable[[Callable[P, R]], Executor[P, R]]:
    """Declare a function `(ctx)` or `(ctx, params: SomeStruct)` as the code behind `key`.

    `async def` runs on the executors' loop, plain `def` in a thread, either in a child process with `subprocess=True`.
    `timeout` bounds each attempt of a run whose job says nothing else (1 h without either; 0: no bound).
    `check` is given the parameters before the function is, and raises ValueError to refuse them: the run ends as
    `badParams`. It must be quick, and look at nothing but them.

    Raises:
        ValueError: the key or an alias is no name: one line of visible text; the timeout is no time.
        TypeError: one of them is of another kind.
    """
    key = _name(key)
    if isinstance(aliases, str):
        raise TypeError(f"executor {key!a}: `aliases` is a text; give a list of names")
    aliases = tuple(map(_name, aliases))
    seconds = _seconds(key, timeout)

    def declare(function: Callable[P, R]) -> Executor[P, R]:
        kind: Kind = "child" if subprocess else _kind(function)
        made: Executor[P, R] = Executor(function, key=key, timeout=seconds, kind=kind, aliases=aliases, check=check)
        _declared.append(made)
        return made

    return declare


def _name(given: object) -> str:
    """A name that an executor goes by; of a subclass of `str` (a member of an enumeration) its text."""
    if not isinstance(given, str):
        raise TypeError(f"executor {given!a}: its name is a {type(given).__name__}; it must be a text")
    name = str.__str__(given)
    wrong = name_flaw(name) or (None if name == normal(name) else "is not in NFC: write it composed")
    if wrong is not None:
        raise ValueError(f"executor {name!a}: its name {wrong}")
    return name


def _seconds(key: str, timeout: object) -> float | None:
    """A timeout as a plain number, whatever number it was given as."""
    if timeout is None:
        return None
    given: Any = timeout.total_seconds() if isinstance(timeout, timedelta) else timeout
    try:
        found = None if isinstance(given, str | bytes) else number_of(given)
    except Exception:  # noqa: BLE001 - what it is, is others' code
        found = None
    if found is None or not 0 <= found <= LONGEST_TIMEOUT:
        raise ValueError(
            f"executor {key!a}: its timeout is {written(timeout, repr)}; it must be a timedelta or a number of "
            f"seconds, from 0 (none) to {LONGEST_TIMEOUT}"
        )
    return found


def declared() -> tuple[AnyExecutor, ...]:
    """Every executor declared in this process so far."""
    return tuple(_declared)


def _kind(function: Callable[..., Any]) -> Kind:
    return "async" if inspect.iscoroutinefunction(function) else "thread"


def _types(key: str, function: Callable[..., Any]) -> tuple[Any, Any]:
    """The type of `params` (None without them) and of the result.

    Raises:
        TypeError: the function does not have the shape of an executor.
    """
    signature = inspect.signature(function)
    names = list(signature.parameters)
    if inspect.isasyncgenfunction(function) or inspect.isgeneratorfunction(function):
        raise TypeError(f"executor {key}: {function.__qualname__} is a generator: it must return, not yield")
    if len(names) not in (1, 2):
        raise TypeError(
            f"executor {key}: {function.__qualname__} must be a function of (ctx) or (ctx, params: SomeStruct)"
        )
    try:
        hints = get_type_hints(function)
    except NameError as error:
        raise TypeError(f"executor {key}: cannot read its annotations: {error}") from error
    if len(names) == 1:
        return None, hints.get("return", NO_RESULT)
    if names[1] not in hints:
        raise TypeError(f"executor {key}: its parameter {names[1]!r} needs a type, a msgspec.Struct")
    return hints[names[1]], hints.get("return", NO_RESULT)


def _moment(ms: int | None) -> datetime | None:
    return None if ms is None else datetime.fromtimestamp(ms / 1000, UTC)
