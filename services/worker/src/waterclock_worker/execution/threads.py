"""Threads for plain functions. They are daemons: one that never returns must not keep a stopped worker alive."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import threading
from collections.abc import Callable
from contextvars import Context, copy_context
from queue import SimpleQueue

Box = SimpleQueue[tuple[Context, Callable[[], None]] | None]
"""Of one thread: what it is to do; None ends it."""


class Threads:
    """As many threads as there is work at once; idle ones are used again, `idle_most` of them."""

    def __init__(self, *, idle_most: int = sys.maxsize) -> None:
        self._idle_most = idle_most
        self._idle: list[Box] = []
        self._count = 0
        self._closed = False

    @property
    def idle(self) -> int:
        """Threads that wait for work."""
        return len(self._idle)

    def run(self, work: Callable[[], None]) -> None:
        """Run `work`, which never raises, in a thread, in a copy of the caller's context."""
        context = copy_context()
        try:
            box = self._idle.pop()
        except IndexError:
            box = self._another()
        box.put((context, work))

    def close(self) -> None:
        """Let idle threads end, and each that works, or is still begun, when it is done."""
        self._closed = True
        self._end_idle()

    def _end_idle(self) -> None:
        while self._idle:
            with contextlib.suppress(IndexError):  # another thread takes them too
                self._idle.pop().put(None)

    def _another(self) -> Box:
        box: Box = SimpleQueue()
        self._count += 1
        threading.Thread(target=self._serve, args=(box,), name=f"executor-{self._count}", daemon=True).start()
        return box

    def _serve(self, box: Box) -> None:
        while (given := box.get()) is not None:
            context, work = given
            context.run(work)
            del context, work, given  # what they hold is not kept until there is more
            asyncio.set_event_loop(None)  # one that the work has left is not the next one's
            if len(self._idle) >= self._idle_most:
                return
            self._idle.append(box)
            if self._closed:  # looked at after it stands among the idle ones: `close` may have missed it
                self._end_idle()
