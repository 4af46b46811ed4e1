"""One attempt: from a grant to how it ended.

    grant → parameters as the executor's struct → the function, where its kind runs → an outcome → an ending

An attempt is asked to stop by `stop`, once; it then ends as asked when its function has returned, whatever that says. A
task is cancelled, a child is signalled; a thread can only look at `ctx.cancelled`.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from opentelemetry.trace import Span

from waterclock.executors.context import RunContext, Values
from waterclock.executors.definition import AnyExecutor
from waterclock.kit.clock import Clock
from waterclock.kit.randomness import fraction
from waterclock.kit.telemetry import traces
from waterclock.log.commands.attempts import Grant, RunEnding
from waterclock.model.definition import DEFAULT_TIMEOUT
from waterclock.model.events import RunRequested
from waterclock.model.outcomes import AttemptOutcome, Error
from waterclock.model.timestamps import millis
from waterclock_worker import tracing
from waterclock_worker.execution.capture import entered, left
from waterclock_worker.reporting.ending import ending_of
from waterclock_worker.reporting.outcome import Outcome, Stop, outcome_of, params_for, succeeded
from waterclock_worker.reporting.step_log import StepLog

LATE = 0.5
"""Seconds: a timer that is so late was held up by what blocks its loop, of which its loop's watch has told by then."""
_UNTRACED = nullcontext()


class Attempt:
    """A granted attempt in this process."""

    __slots__ = (
        "_clock", "_done", "_ended", "_interrupt", "_process", "claimed_at", "ending", "error", "executor", "grant",
        "held_up", "limit", "lost", "outcome", "overdue", "partition", "request", "span", "steps", "stopped",
        "stopped_at", "timer", "took", "traceparent",
    )  # fmt: skip

    def __init__(
        self,
        grant: Grant,
        request: RunRequested,
        executor: AnyExecutor,
        *,
        partition: int,
        clock: Clock,
        done: Callable[[Attempt], None],
        told: Callable[[StepLog], None],
    ) -> None:
        """`done` and `told` are called from any thread: at its end, once; when its step log has something to take."""
        self.grant = grant
        self.request = request
        self.executor = executor
        self.partition = partition
        self.steps = StepLog(
            run_id=request.run_id,
            job_id=request.job_id,
            attempt=grant.attempt,
            fence=grant.fence,
            partition=partition,
            clock=clock,
            tell=told,
        )
        self.limit = limit_of(request, executor)
        self.claimed_at = clock.monotonic()
        self.stopped: Stop | None = None
        self.ending: RunEnding | None = None  # once it has ended
        self.outcome: AttemptOutcome = "returned"  # once it has ended; so are the next two
        self.error: Error | None = None
        self.took = 0.0  # s, since it was claimed
        self.traceparent: str | None = None  # of its claim, then its own; None while tracing is off
        self.span: Span | None = None  # where it is traced, from its start to its end
        self.stopped_at = 0.0  # monotonic; when it was asked to stop
        self.lost = False  # its run was found to be taken away
        self.overdue = False  # it went on although it was asked to stop
        self.held_up = False  # it has blocked its event loop, or may have
        self.timer: asyncio.TimerHandle | None = None  # of the I/O loop, where that keeps its time
        self._clock = clock
        self._done = done
        self._ended = threading.Lock()  # taken by whoever ends it
        self._interrupt: Callable[[], object] | None = None
        self._process = os.getpid()

    @property
    def name(self) -> str:
        return self.grant.run_id

    def stop(self, reason: Stop) -> None:
        """Ask the attempt to stop; the first reason counts. From any thread."""
        if self.stopped is not None:
            return
        self.stopped, self.stopped_at = reason, self._clock.monotonic()
        self.steps.cancelled = True
        if self._interrupt is not None:
            self._interrupt()

    @property
    def key(self) -> str:
        return self.executor.key

    def blocked(self, where: str, *, itself: bool) -> None:
        """Say in the run's log what holds up the loop that it runs on."""
        self.held_up = True
        what = "this attempt blocks" if itself else "this attempt, or another one in the same worker, blocks"
        advice = "move blocking work to a plain `def` executor or `asyncio.to_thread`"
        self.steps.logged(None, "warning", f"{what} the event loop of executors at {where}: {advice}")

    def lose(self) -> None:
        """The run is another worker's by now: stop."""
        self.lost = True
        self.stop("returned")

    def is_over(self, now: float) -> bool:
        return bool(self.limit) and now - self.claimed_at > self.limit + LATE

    def time_out(self) -> None:
        self.stop("timedOut")

    def hand_back(self) -> bool:
        """Stop it, and end it as given back although its function has not returned: it is another's fault."""
        self.stop("returned")
        return self.finish(Outcome("returned"))

    def crash(self, why: str) -> bool:
        """End it although its function has not returned: what it runs on has ended."""
        return self.finish(Outcome("crashed", error=Error(type="LoopEnded", message=f"its event loop ended: {why}")))

    def interrupted_by(self, interrupt: Callable[[], object]) -> bool:
        """Name the way to interrupt what runs now, from any thread. Returns whether it may go on at all."""
        self._interrupt = interrupt
        return self.stopped is None  # after the way is known: `stop` looks in the other order

    def finish(self, outcome: Outcome) -> bool:
        """End the attempt with this outcome, or as it was asked to stop. False: it had ended before."""
        if os.getpid() != self._process:
            os._exit(1)  # a copy of the worker that the executor forked and let return: it has no say
        if not self._ended.acquire(blocking=False):
            return False
        if self.stopped is not None:
            outcome = self._as_asked(self.stopped, outcome)
        self.outcome, self.error = outcome.kind, outcome.error
        if self.span is not None:
            tracing.ended(self.span, outcome.kind, outcome.error)
        left(self.steps)
        self.steps.close()
        self._interrupt = None  # it refers to us: whatever ends here is freed at once, without the collector
        self.ending = ending_of(
            self.grant,
            self.request,
            outcome,
            now_ms=self._clock.now_ms(),
            chance=fraction() if outcome.error is not None else 0.0,
            traceparent=self.traceparent,
        )
        self._done(self)
        return True

    async def run(self, values: Values) -> None:
        """Execute an `async def`, on the loop at hand, whose values these are."""
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        assert task is not None
        outcome = Outcome("returned")
        if self.interrupted_by(lambda: loop.call_soon_threadsafe(task.cancel)):
            timer = loop.call_later(self.limit, self._over, loop, loop.time() + self.limit) if self.limit else None
            entered(self.steps)
            try:
                with self.traced():
                    outcome = succeeded(await self.executor.function(*self.arguments(values)), self.steps)
            except BaseException as error:  # noqa: BLE001 - the edge of a run: whatever it raises is how it ended
                outcome = outcome_of(error, self.steps.concealed)
            if timer is not None:
                timer.cancel()
        self.finish(outcome)

    def run_in_thread(self, values: Values) -> None:
        """Execute a plain function, in the thread at hand."""
        outcome = Outcome("returned")
        if self.stopped is None:
            entered(self.steps)
            try:
                with self.traced():
                    outcome = succeeded(self.executor.function(*self.arguments(values)), self.steps)
            except BaseException as error:  # noqa: BLE001
                outcome = outcome_of(error, self.steps.concealed)
        self.finish(outcome)

    def arguments(self, values: Values) -> tuple[Any, ...]:
        """What the function is called with.

        Raises:
            BadParams: the parameters do not fit it.
        """
        request, grant = self.request, self.grant
        params = params_for(self.executor, request.params)
        context = RunContext(
            run_id=grant.run_id,
            attempt=grant.attempt,
            fence=grant.fence,
            params=params,
            report=self.steps,
            nominal_ms=None if request.nominal_at is None else millis(request.nominal_at),
            previous_ms=grant.previous_success or None,
            traceparent=self.traceparent or request.traceparent,
            tracestate=request.tracestate,
            deadline_ms=self.deadline_ms(),
            values=values,
        )
        return (context,) if self.executor.params_type is None else (context, params)

    def deadline_ms(self) -> int | None:
        return self._clock.now_ms() + int(self.limit * 1000) if self.limit else None

    def traced(self) -> AbstractContextManager[object]:
        """Work under the attempt's span, beneath its claim; it ends with the attempt."""
        if self.traceparent is None or not traces.tracing():
            return _UNTRACED
        self.span = tracing.begun(self, executor=self.executor.key)
        if traces.sampled(self.traceparent):
            self.steps.traceparent, self.steps.tracestate = self.traceparent, self.request.tracestate
        return traces.under(self.span)

    def _over(self, loop: asyncio.AbstractEventLoop, due: float) -> None:
        """Its time is over, on its loop. Where another run has held that up, it is not to blame."""
        if loop.time() - due > LATE and not self.held_up:
            text = "its timeout passed while another run blocked the event loop: it is handed back"
            self.steps.logged(None, "warning", text)
            self.stop("returned")
        else:
            self.stop("timedOut")

    def _as_asked(self, reason: Stop, outcome: Outcome) -> Outcome:
        if outcome.kind == "failed" and outcome.error is not None and outcome.error.type != "CancelledError":
            text = f"after it was cancelled: {outcome.error.type}: {outcome.error.message}"
            self.steps.logged(None, "warning", text)
        if reason == "timedOut":
            return Outcome("timedOut", error=Error(type="Timeout", message=f"ran longer than {self.limit:g} s"))
        return Outcome(reason)


def limit_of(request: RunRequested, executor: AnyExecutor) -> float:
    """Seconds an attempt may take: the job's word, else the executor's, else an hour; 0 for no limit."""
    for said in (request.timeout, executor.timeout):
        if said is not None:
            return said
    return DEFAULT_TIMEOUT
