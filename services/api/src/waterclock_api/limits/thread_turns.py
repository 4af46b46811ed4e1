"""Threads that compute take short turns with the event loop, and only while they do.

Python lets a thread compute for 5 ms before another may go on. With shorter turns requests wait less for it, and the
threads of the server ask for their turns so much more often: that costs each request a part of its time.
"""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

TURN = 0.001  # s


class _Turns:
    """How many threads compute."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._computing = 0
        self._usual = sys.getswitchinterval()

    def begin(self) -> None:
        with self._lock:
            if not self._computing:
                self._usual = sys.getswitchinterval()
                sys.setswitchinterval(min(TURN, self._usual))
            self._computing += 1

    def end(self) -> None:
        with self._lock:
            self._computing -= 1
            if not self._computing:
                sys.setswitchinterval(self._usual)


_turns = _Turns()


@contextmanager
def short_turns() -> Generator[None]:
    """For the thread that computes."""
    _turns.begin()
    try:
        yield
    finally:
        _turns.end()


async def in_thread(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """What the function gives, computed beside the event loop."""

    def compute() -> T:
        with short_turns():
            return function(*args, **kwargs)

    return await asyncio.to_thread(compute)
