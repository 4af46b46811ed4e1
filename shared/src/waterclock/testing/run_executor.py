"""Run an executor in a test, without a server or a worker, and see what it told.

    told = await run_executor(daily_report, {"table": "orders"})
    assert told.result.rows == 3
    assert told.step("Collect rows").status == "succeeded"

Lifespans are opened for the run and left after it; `values={shop: pretence}` stands in for one. Parameters are checked
as a worker checks them. An `async def` runs in the test's loop; any other in a thread, also one
that a worker would give a process of its own.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, cast

import msgspec

from waterclock.executors.context import RunContext
from waterclock.executors.definition import AnyExecutor, Executor
from waterclock.executors.lifespans import AnyLifespan, LoopValues, ThreadValues
from waterclock.kit.redaction import Redactor
from waterclock.model.events import Level, StepStatus


class ToldLine(msgspec.Struct, frozen=True, kw_only=True):
    step: int | None
    level: Level
    text: str


class ToldStep(msgspec.Struct, kw_only=True):
    """A step, as far as it has come."""

    number: int
    name: str
    status: StepStatus | None = None  # None while it runs
    error: BaseException | None = None
    progress: list[tuple[float, float | None]] = []


class Told:
    """What a run tells; a test may look while it runs, wait for a step, or cancel. Implements `Report`."""

    def __init__(self) -> None:
        self.steps: list[ToldStep] = []
        self.lines: list[ToldLine] = []
        self.result: Any = None
        self.cancelled = False
        self._concealed = Redactor()
        self._lock = threading.Lock()
        self._began: dict[str, asyncio.Event] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[Any] | None = None

    @property
    def text(self) -> str:
        """Every line of the log."""
        return "\n".join(line.text for line in self.lines)

    def step(self, name: str) -> ToldStep:
        """The first step of that name.

        Raises:
            LookupError: there is none.
        """
        for step in self.steps:
            if step.name == name:
                return step
        raise LookupError(f"no step is named {name!r}; steps: {', '.join(step.name for step in self.steps)}")

    def cancel(self) -> None:
        """Cancel the run as a worker would: an `async def` by its task, any other by `ctx.cancelled`."""
        self.cancelled = True
        if self._task is not None:
            self._task.cancel()

    async def step_begins(self, name: str) -> None:
        """Wait until a step of that name has begun; give it a timeout."""
        event = self._began.setdefault(name, asyncio.Event())
        if any(step.name == name for step in self.steps):
            event.set()
        await event.wait()

    def step_started(self, name: str) -> int:
        with self._lock:
            number = len(self.steps) + 1
            self.steps.append(ToldStep(number=number, name=name))
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._announce, name)
        return number

    def logged(self, step: int | None, level: Level, text: str) -> None:
        self.lines.append(ToldLine(step=step, level=level, text=self._concealed(text)))

    def progressed(self, step: int, done: float, total: float | None) -> None:
        self.steps[step - 1].progress.append((done, total))

    def step_finished(self, step: int, status: StepStatus, error: BaseException | None) -> None:
        self.steps[step - 1].status = status
        self.steps[step - 1].error = error

    def conceal(self, secret: str) -> None:
        """Out of lines alone: the result and what is raised are the executor's own."""
        self._concealed = self._concealed.adding(secret)

    async def run(self, executor: AnyExecutor, arguments: tuple[Any, ...]) -> None:
        self._loop = asyncio.get_running_loop()
        if not executor.is_async:
            self.result = await asyncio.to_thread(executor.function, *arguments)
            return
        async with asyncio.TaskGroup() as tasks:
            self._task = tasks.create_task(executor.function(*arguments), name="executor under test")
        self.result = self._task.result()

    def _announce(self, name: str) -> None:
        self._began.setdefault(name, asyncio.Event()).set()


async def run_executor(
    executor: AnyExecutor | Callable[..., Any],
    params: Mapping[str, Any] | msgspec.Struct | None = None,
    *,
    told: Told | None = None,
    run_id: str = "test-run",
    attempt: int = 1,
    fence: int = 1,
    nominal_at: datetime | None = None,
    previous_success: datetime | None = None,
    traceparent: str | None = None,
    tracestate: str | None = None,
    deadline: datetime | None = None,
    values: Mapping[AnyLifespan, Any] | None = None,
) -> Told:
    """Run `executor`, or a function of its shape, to its end; returns what it told, with its result.

    Pass an own `told` to look at it, or cancel it, while it runs, or after it has raised.

    Raises:
        ValidationError: the parameters do not fit (of msgspec).
        ValueError: the executor's `check` refuses them.
        CancelledError: `told.cancel()` was called, and the executor gave way.
        Exception: whatever the executor raises.
    """
    if isinstance(executor, Executor):
        declared = cast("AnyExecutor", executor)
    else:
        declared = Executor(executor, key="test", timeout=None, kind="async", aliases=())
    seen = told if told is not None else Told()
    fitting: Any = {} if params is None else params
    if declared.params_type is not None and not isinstance(fitting, declared.params_type):
        fitting = msgspec.convert(fitting, declared.params_type)
    declared.check_params(fitting)
    ctx = RunContext(
        run_id=run_id,
        attempt=attempt,
        fence=fence,
        params=fitting,
        report=seen,
        nominal_ms=_ms(nominal_at),
        previous_ms=_ms(previous_success),
        traceparent=traceparent,
        tracestate=tracestate,
        deadline_ms=_ms(deadline),
        values=(kept := LoopValues(values) if declared.is_async else ThreadValues(values)),
    )
    arguments = (ctx,) if declared.params_type is None else (ctx, fitting)
    try:
        await seen.run(declared, arguments)
    except BaseExceptionGroup as group:
        raise group.exceptions[0] from None
    finally:
        await (kept.close() if isinstance(kept, LoopValues) else asyncio.to_thread(kept.close))
    return seen


def _ms(moment: datetime | None) -> int | None:
    return None if moment is None else round(moment.timestamp() * 1000)
