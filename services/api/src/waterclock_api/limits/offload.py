"""Long computations beside the event loop: a few threads at once, and of each caller one.

A thread that computes takes turns with the loop, so the more of them there are, the longer every request waits for its
own turn. A caller's next computation waits for the one before; nobody else waits for it but for a place.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import Any, ParamSpec, TypeVar

from waterclock.model.errors import Refusal, TryLater
from waterclock_api.limits.thread_turns import short_turns

P = ParamSpec("P")
T = TypeVar("T")

AT_ONCE = 2  # threads
ASKED_MOST = 10  # computations of a caller, with the one that runs
WAIT = 2.0  # s, for the caller's own
PLACE_WAIT = 10.0  # s, for a place among all


class TooManyComputations(Refusal):
    """A caller's computations wait for one another, and no more may."""


class Offload:
    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="offload")
        self._places = asyncio.Semaphore(AT_ONCE)
        self._turns: dict[str, asyncio.Lock] = {}
        self._asked: dict[str, int] = {}

    async def run(self, caller: str, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """What the function gives, computed in a thread when the caller has its turn.

        Who leaves keeps turn and place until the thread has ended: there is no way to stop one.

        Raises:
            TooManyComputations: too many of the caller's wait, or this one has waited for too long.
            TryLater: those of others take all places for too long.
        """
        asked = self._asked.get(caller, 0)
        if asked >= ASKED_MOST:
            raise _busy()
        self._asked[caller] = asked + 1
        try:
            await self._admit(caller)
        except BaseException:
            self._gone(caller)
            raise
        loop = asyncio.get_running_loop()

        def ended() -> None:
            self._places.release()
            self._turns[caller].release()
            self._gone(caller)

        def compute() -> T:
            try:
                with short_turns():
                    return function(*args, **kwargs)
            finally:
                loop.call_soon_threadsafe(ended)

        thread = loop.run_in_executor(self._threads, copy_context().run, compute)
        thread.add_done_callback(_heard)
        return await asyncio.shield(thread)

    async def _admit(self, caller: str) -> None:
        turn = self._turns.setdefault(caller, asyncio.Lock())
        try:
            async with asyncio.timeout(WAIT):
                await turn.acquire()
        except TimeoutError:
            raise _busy() from None
        try:
            async with asyncio.timeout(PLACE_WAIT):
                await self._places.acquire()
        except BaseException as error:
            turn.release()
            if isinstance(error, TimeoutError):
                raise TryLater("Computations for other callers are taking too long.", after_s=5) from None
            raise

    def _gone(self, caller: str) -> None:
        self._asked[caller] -= 1
        if not self._asked[caller]:
            del self._asked[caller], self._turns[caller]


def _busy() -> TooManyComputations:
    return TooManyComputations("Too many of your computations are pending: wait for the responses.")


def _heard(thread: asyncio.Future[Any]) -> None:
    """An error that nobody waits for any more is no fault."""
    if not thread.cancelled():
        thread.exception()
