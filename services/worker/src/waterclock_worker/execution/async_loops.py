"""Where `async def` executors run: event loops in threads of their own, apart from the worker's I/O.

    an executor's runs ──► the loop of all ──ended twice by its runs──► a loop of its own

An executor that blocks its loop stops what else runs there, but neither claims nor renewals, and not what comes after
it: a loop that does not answer is left to what it has begun, and another takes its place. If it stays so, what it had
begun is handed back too, but for the run that blocks it. Whose fault that is, is said.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import Counter
from collections.abc import Callable, Sequence

from waterclock.kit.clock import Clock
from waterclock_worker.execution.executor_loop import ExecutorLoop, Work
from waterclock_worker.execution.guarded_loop import NewLoop

BLOCKED_AFTER = 0.25  # s without an answer
HANDED_BACK_AFTER = 5.0  # s: then what waits behind a blocked loop is better off elsewhere
ENDED_MOST = 2
"""Times that an executor may end the loop of all, before it has one of its own."""
PAUSED_FROM = 1.0  # s that a look comes too late
_LOOK_EVERY = 0.1  # s

log = logging.getLogger(__name__)


class Loops:
    """The executors' loops in use, and those that were left behind blocked. Belongs to the worker's I/O loop."""

    def __init__(self, clock: Clock, new_loop: NewLoop) -> None:
        self._clock = clock
        self._new_loop = new_loop
        self._count = 0
        self._closed = False
        self._endings: Counter[str] = Counter()  # by executor
        self._left: list[ExecutorLoop] = []
        self._current = self._another(None)
        self._own: dict[str, ExecutorLoop] = {}

    @property
    def alone(self) -> list[str]:
        """Executors that have a loop of their own."""
        return sorted(self._own)

    def start(self, work: Sequence[Work]) -> None:
        if self._own:
            for one in work:
                self._own.get(one.key, self._current).start([one])
        else:
            self._current.start(work)

    async def watch(self) -> None:
        """Until `close`: give executors loops of their own; replace a loop that is blocked or has ended."""
        looked_at = self._clock.monotonic()
        while not self._closed:
            now = self._clock.monotonic()
            self._excuse(now - looked_at - _LOOK_EVERY)
            looked_at = now
            self._part()
            for one in (self._current, *self._own.values()):
                self._look(one, now)
            for one in [*self._left]:
                self._look_back(one, now)
            self._left = [one for one in self._left if one.thread.is_alive()]
            await asyncio.sleep(_LOOK_EVERY)

    def close(self) -> None:
        """What was handed over before comes to its end; what comes after is not begun."""
        self._closed = True
        for one in (self._current, *self._own.values()):
            one.close()

    @property
    def threads(self) -> list[threading.Thread]:
        """Of the loops in use, and of those left behind that have not come to their end."""
        return [one.thread for one in (self._current, *self._own.values(), *self._left)]

    def _excuse(self, late: float) -> None:
        """A machine that was paused has paused the loops too."""
        if late > PAUSED_FROM:
            for one in (self._current, *self._own.values(), *self._left):
                one.excuse(late)

    def _look(self, one: ExecutorLoop, now: float) -> None:
        if one.failure is not None:
            self._replace(one)
            self._give_up(one)
        elif one.silent_for(now) > BLOCKED_AFTER:
            _tell_blocked(one)
            self._left.append(one)
            self._replace(one)
            one.close()
        else:
            one.ask(now)

    def _look_back(self, one: ExecutorLoop, now: float) -> None:
        """At one that was left behind."""
        if one.failure is not None:
            self._give_up(one)
            self._left.remove(one)
            return
        silent = one.silent_for(now)
        if silent > BLOCKED_AFTER:
            self._keep_time(one, now)
        if silent > HANDED_BACK_AFTER:
            self._hand_back(one, lambda _: True)
        one.ask(now)

    def _keep_time(self, one: ExecutorLoop, now: float) -> None:
        """A loop that is blocked keeps no time: whose time is over there by another's fault is handed back."""
        holder = one.holder()
        if holder is not None:
            self._hand_back(one, lambda work: work.is_over(now))
        for work in [holder] if holder is not None else one.begun:
            if work.is_over(now):
                work.time_out()

    def _give_up(self, one: ExecutorLoop) -> None:
        """It has ended; whose fault that is can be told only of a loop that one executor has for itself."""
        here, why = one.begun, repr(one.failure)
        ended = [work for work in here if (work.crash(why) if one.key is not None else work.hand_back())]
        told = {
            "error": why,
            "executors": sorted({work.key for work in here}),
            "failed" if one.key is not None else "handed_back": [work.name for work in ended],
        }
        log.error("event loop of executors ended", extra=told)
        for key in {work.key for work in here}:
            self._ended(key)
        one.give_up()

    def _hand_back(self, one: ExecutorLoop, fits: Callable[[Work], bool]) -> None:
        """What a blocked loop had begun. Where it cannot be told who blocks it, that is any of those."""
        holder = one.holder()
        if holder is None and len({work.key for work in one.begun}) == 1:
            return  # all are of one executor: it would block the next loop as well
        returned = [work for work in one.begun if work is not holder and fits(work) and work.hand_back()]
        if not returned:
            return
        told = {"at": one.where(), "handed_back": [work.name for work in returned]}
        blame = {} if holder is None else {"run": holder.name, "executor": holder.key}
        log.error("event loop still blocked: other runs handed back", extra=told | blame)
        for key in {holder.key} if holder is not None else {work.key for work in returned}:
            self._ended(key)

    def _ended(self, key: str) -> None:
        """An executor has ended a loop, or would have; from any thread."""
        self._endings[key] += 1

    def _part(self) -> None:
        """Give a loop of its own to whoever has ended that of all too often."""
        for key, times in self._endings.copy().items():
            if times >= ENDED_MOST and key not in self._own:
                self._own[key] = self._another(key)
                told = {"executor": key, "ended": times}
                log.warning("executor isolated in its own event loop", extra=told)

    def _replace(self, one: ExecutorLoop) -> None:
        """Another in its place, with what it has not begun."""
        another = self._another(one.key)
        if one.key is None:
            self._current = another
        else:
            self._own[one.key] = another
        taken: list[Work] = []
        while one.waiting:
            try:
                taken.append(one.waiting.popleft())
            except IndexError:
                break
        if taken:
            another.start(taken)

    def _another(self, key: str | None) -> ExecutorLoop:
        self._count += 1
        return ExecutorLoop(self._count, key, self._new_loop, self._ended)


def _tell_blocked(one: ExecutorLoop) -> None:
    """Say what blocks a loop: to the work that does; to all, if it is a task of which that cannot be told."""
    where, holder = one.where(), one.holder()
    found = one.begun if holder is None else [holder]
    told = {"at": where, "runs": [work.name for work in found], "executors": sorted({work.key for work in found})}
    log.warning("event loop blocked", extra=told)
    for work in found:
        work.blocked(where, itself=holder is not None)
