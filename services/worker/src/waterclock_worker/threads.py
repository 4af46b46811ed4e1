"""Threads for plain functions. They are daemons: one that never returns must not keep a stopped worker alive."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextvars import copy_context
from queue import SimpleQueue


class Threads:
    """As many threads as there is work at once; idle ones are used again."""

    def __init__(self) -> None:
        self._idle: list[SimpleQueue[Callable[[], None]]] = []
        self._count = 0

    @property
    def idle(self) -> int:
        """Threads that wait for work."""
        return len(self._idle)

    def run(self, work: Callable[[], None]) -> None:
        """Run `work`, which never raises, in a thread, in a copy of the caller's context."""
        context = copy_context()
        box = self._idle.pop() if self._idle else self._another()
        box.put(lambda: context.run(work))

    def _another(self) -> SimpleQueue[Callable[[], None]]:
        box: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._count += 1
        threading.Thread(target=self._serve, args=(box,), name=f"executor-{self._count}", daemon=True).start()
        return box

    def _serve(self, box: SimpleQueue[Callable[[], None]]) -> None:
        while True:
            box.get()()
            self._idle.append(box)
