"""The attempts of this process: slots, where each kind of executor runs, and the way back of what they tell.

grants → Attempt → executors' loop │ thread │ child          (any thread)
                            │ told, done
                            ▼
          settle, once for many, on the I/O loop → recorder → endings → known no more
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from contextvars import Context
from functools import partial

import msgspec

from waterclock.executors.definition import AnyExecutor
from waterclock.executors.lifespans import ThreadValues
from waterclock.kit.clock import Clock
from waterclock.kit.telemetry import traces
from waterclock.log.client import Log
from waterclock.log.commands.attempts import EndResult, Grant, RunEnding
from waterclock.model.events import RunRequested
from waterclock_worker import tracing
from waterclock_worker.execution import capture, end_lines, metrics
from waterclock_worker.execution.async_loops import Loops
from waterclock_worker.execution.attempt import Attempt
from waterclock_worker.execution.children.supervisor import ChildProcesses
from waterclock_worker.execution.guarded_loop import NewLoop
from waterclock_worker.execution.held import HeldAttempts
from waterclock_worker.execution.missing_executor import unknown, unreadable
from waterclock_worker.execution.overdue import LOOK_EVERY, Overdue
from waterclock_worker.execution.threads import Threads
from waterclock_worker.registry import Registry
from waterclock_worker.reporting.endings_sender import Endings
from waterclock_worker.reporting.outcome import Outcome, Stop
from waterclock_worker.reporting.recorder import Recorder
from waterclock_worker.reporting.step_log import StepLog

UNANSWERED_MOST = 2_000
"""Endings that may wait for an answer before nothing more is claimed."""
LEAVING_MOST = 8.0
"""Seconds for all values of lifespans to be left."""

log = logging.getLogger(__name__)

_decode = msgspec.json.Decoder(RunRequested).decode


class AttemptPool:
    """Belongs to the I/O loop; only what attempts call comes from other threads."""

    def __init__(
        self,
        store: Log,
        held: Sequence[HeldAttempts],
        registry: Registry,
        *,
        slots: int,
        clock: Clock,
        tasks: asyncio.TaskGroup,
        new_loop: NewLoop,
        answered: Callable[[Grant], None],
    ) -> None:
        """`answered`: called when the end of an attempt is answered."""
        self.slots = slots
        self.taken = 0  # by attempts that execute, and by open claims
        self.endings = [Endings(store, one.partition, answered=partial(self._answered, one)) for one in held]
        self._recorders = [Recorder(store, one.partition, refused=partial(self._refused, one)) for one in held]
        self._held = held
        self._registry = registry
        self._clock = clock
        self._tell_answered = answered
        self._tasks = tasks
        self._io = asyncio.get_running_loop()
        self._loops = Loops(clock, new_loop)
        self._threads = Threads()
        self._thread_values = ThreadValues()
        self._deserted = False  # a thread was left to an attempt that goes on
        self._children = ChildProcesses(self._io)
        self._turn = asyncio.Lock()
        self._freed = asyncio.Event()
        self._some_answered = asyncio.Event()
        self._told: deque[StepLog] = deque()
        self._done: deque[Attempt] = deque()
        self._settling = False
        for sender in (*self.endings, *self._recorders):
            tasks.create_task(sender.send(), name=f"send {type(sender).__name__}")
        tasks.create_task(self._loops.watch(), name="watch the executors' loops")
        tasks.create_task(self._look_for_overdue(), name="look for overdue attempts")

    async def offer(self, most: int) -> int:
        """Wait for free slots and take them, at most `most`, for a claim; waiting claims are served in turn."""
        async with self._turn:
            while self.taken >= self.slots or sum(map(len, self.endings)) > UNANSWERED_MOST:
                self._freed.clear()
                await self._freed.wait()
            offered = min(self.slots - self.taken, most)
            self.taken += offered
            return offered

    def give_back_slots(self, count: int) -> None:
        """Slots that were offered and not used."""
        self.taken -= count
        if count:
            self._freed.set()

    def begin(self, held: HeldAttempts, grants: Iterable[Grant], *, stopped: Stop | None = None) -> None:
        """Start attempts, each in a slot taken before; with `stopped` they end at once, as asked."""
        on_loop: list[Attempt] = []
        attempts = [self._attempt(held, grant) for grant in grants]
        metrics.claimed(attempts)
        if traces.tracing() and attempts:
            tracing.claimed(attempts, seconds=self._clock.monotonic() - held.asked_at, session=held.session)
        metrics.tell_late(attempts, self._clock.monotonic())
        capture.begun([attempt.steps for attempt in attempts if attempt.executor.kind != "child"])
        for attempt in attempts:
            grant = attempt.grant
            held.attempts[grant.fence] = attempt
            if grant.cancelled:
                attempt.stop("cancelled")
            if stopped is not None:
                attempt.stop(stopped)
            match attempt.executor.kind:
                case "async":
                    on_loop.append(attempt)
                case "thread":
                    if attempt.limit:  # a thread cannot keep its own time: the I/O loop does
                        attempt.timer = self._io.call_later(attempt.limit, attempt.stop, "timedOut")
                    self._threads.run(partial(attempt.run_in_thread, self._thread_values))
                case "child":
                    self._tasks.create_task(self._children.run(attempt), name=f"child of {attempt.name}")
        if on_loop:
            self._loops.start(on_loop)

    def active(self) -> list[Attempt]:
        """Attempts that have not ended."""
        return [one for each in self._held for one in list(each.attempts.values()) if one.ending is None]

    def abandon(self) -> None:
        """End what would not end by itself as given back; its thread is left to the end of the process."""
        for attempt in self.active():
            attempt.stop("returned")
            self._deserted |= attempt.finish(Outcome("returned")) and attempt.executor.kind == "thread"

    async def idle(self) -> None:
        """Return when no attempt executes and no claim is open."""
        while self.taken:
            self._freed.clear()
            await self._freed.wait()

    async def told(self) -> None:
        """Return when every ending is answered."""
        while any(one.ending is not None for each in self._held for one in each.attempts.values()):
            self._some_answered.clear()
            await self._some_answered.wait()
        for endings in self.endings:
            await endings.sent()

    async def leave_values(self) -> None:
        """When nothing runs any more: leave the values of lifespans, but for those that an abandoned attempt uses."""
        self._loops.close()
        leaving = self._loops.threads
        if not self._deserted:
            leaving.append(threading.Thread(target=self._thread_values.close, name="leave values", daemon=True))
            leaving[-1].start()
        if not await asyncio.to_thread(_joined, leaving, self._clock.monotonic() + LEAVING_MOST, self._clock):
            log.warning("lifespans not closed in time")

    def close(self) -> None:
        self._loops.close()

    @property
    def alone(self) -> list[str]:
        """Executors that have an event loop of their own, for they have ended that of all."""
        return self._loops.alone

    def _attempt(self, held: HeldAttempts, grant: Grant) -> Attempt:
        request, found = self._requested(grant)
        return Attempt(
            grant, request, found, partition=held.partition, clock=self._clock, done=self._on_done, told=self._on_told
        )

    def _requested(self, grant: Grant) -> tuple[RunRequested, AnyExecutor]:
        """What is to be run. Whatever is wrong with that ends the attempt, and neither the worker nor other runs."""
        try:
            request = _decode(grant.body)
        except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
            log.warning("run request unreadable", extra={"run": grant.run_id, "error": str(error)})
            return unreadable(grant, str(error))
        return request, self._registry.find(request.invoke_target) or unknown(request.invoke_target, grant)

    async def _look_for_overdue(self) -> None:
        overdue = Overdue()
        while True:
            await asyncio.sleep(LOOK_EVERY)
            overdue.look(self.active(), self._clock.monotonic())

    def _on_told(self, steps: StepLog) -> None:
        self._told.append(steps)
        self._hint()

    def _on_done(self, attempt: Attempt) -> None:
        self._done.append(attempt)
        self._hint()

    def _hint(self) -> None:
        if not self._settling:
            self._settling = True
            _on(self._io, self._settle)

    def _settle(self) -> None:
        self._settling = False  # before anything is taken: what comes now hints again
        while self._told:
            steps = self._told.popleft()
            self._recorders[steps.partition].tell(steps)
        ended = [self._done.popleft() for _ in range(len(self._done))]
        metrics.ended(ended, self._clock.monotonic())
        if ended:
            capture.ended([attempt.steps for attempt in ended])
        for attempt in ended:
            ending = attempt.ending
            assert ending is not None
            if attempt.timer is not None:
                attempt.timer.cancel()
            if attempt.steps.touched:
                recorder = self._recorders[attempt.partition]
                recorder.close(attempt.steps, partial(self.endings[attempt.partition].put, ending))
            else:
                self.endings[attempt.partition].put(ending)
        self.give_back_slots(len(ended))

    def _answered(self, held: HeldAttempts, endings: Sequence[RunEnding], results: Sequence[EndResult]) -> None:
        attempts = [held.attempts.pop(ending.fence, None) for ending in endings]
        for attempt in attempts:
            if attempt is not None:
                self._tell_answered(attempt.grant)
        end_lines.tell(attempts, results)
        self._some_answered.set()
        self._freed.set()

    def _refused(self, held: HeldAttempts, steps: StepLog) -> None:
        attempt = held.attempts.get(steps.fence)
        if attempt is not None:
            attempt.stop("returned")


def _joined(threads: Sequence[threading.Thread], deadline: float, clock: Clock) -> bool:
    for thread in threads:
        thread.join(max(0.0, deadline - clock.monotonic()))
    return not any(thread.is_alive() for thread in threads)


def _on(loop: asyncio.AbstractEventLoop, call: Callable[[], object]) -> None:
    """Call on a loop from any thread; one that is closed needs nothing any more.

    Not on behalf of the run that may call: what is said or put back there is the worker's.
    """
    with contextlib.suppress(RuntimeError):
        loop.call_soon_threadsafe(call, context=Context())
