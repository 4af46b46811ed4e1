"""Lines on their way to whoever reads them, who may have stopped to: that costs lines, and nobody's time.

    put (any thread, never waits) ── at most so many bytes ──► thread ──► standard error, a pipe, a file

While the queue is full lines are counted instead of kept; when it has been read, one line says how many. A sink that
fails (a full disk, a reader that is gone) is tried again, with what stood in the queue.
"""

from __future__ import annotations

import contextlib
import os
import select
import threading
import weakref
from collections import deque
from collections.abc import Callable
from typing import TextIO

QUEUE_MOST = 1024 * 1024  # bytes
_AT_ONCE = 64 * 1024  # bytes of one write
_AGAIN_S = 0.5  # until a sink that failed is tried again


class LineWriter:
    """To one stream. Lines come out in the order in which they were put."""

    def __init__(
        self,
        out: TextIO | None,
        *,
        told: Callable[[int], str],
        lost: Callable[[int], None] | None = None,
        most: int = QUEUE_MOST,
    ) -> None:
        """`told`: the line that tells of so many lost ones; `lost`: called as they are lost. Without `out` all are."""
        self.out = out
        self._is_file = _is_file(out)
        self._told = told
        self._lost_more = lost or _nothing
        self._most = most
        self._begin()
        _writers.add(self)

    def put(self, line: str, *, last: bool = False) -> None:
        """Write a line, some time; it may hold further ones, which count with it.

        `last`: it is what the process ends with, and is kept however much waits.
        """
        data = line.encode(errors="backslashreplace") + b"\n"
        with self._changed:
            full = self._lost or self._size + len(data) > self._most
            if self.out is None or (full and not last):
                self._lost += 1
                self._lost_more(1)
            else:
                self._waiting.append(data)
                self._size += len(data)
            if self._thread is None and self.out is not None:
                self._thread = threading.Thread(target=self._write, name="write lines", daemon=True)
                self._thread.start()
            self._changed.notify_all()

    def flush(self, within: float) -> bool:
        """Wait until all is written that was put, at most so many seconds; whether it is."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._size and not self._lost, within)

    def _begin(self) -> None:
        self._changed = threading.Condition(threading.Lock())
        self._waiting: deque[bytes] = deque()
        self._size = 0  # of what waits and of what is being written
        self._lost = 0  # and not told yet
        self._thread: threading.Thread | None = None

    def begin_in_fork(self) -> None:
        """In a copy of the process: what waits is the original's to write, and its thread is not there."""
        self._begin()

    def _write(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._lost)
                telling = 0 if self._waiting else self._lost
                data = self._told(telling).encode(errors="backslashreplace") + b"\n" if telling else self._next()
            self._send(data)
            with self._changed:
                if telling:
                    self._lost -= telling
                else:
                    self._size -= len(data)
                self._changed.notify_all()

    def _next(self) -> bytes:
        taken = [self._waiting.popleft()]
        size = len(taken[0])
        while self._waiting and size + len(self._waiting[0]) <= _AT_ONCE:
            size += len(self._waiting[0])
            taken.append(self._waiting.popleft())
        return b"".join(taken)

    def _send(self, data: bytes) -> None:
        """Return when all of it is written, however long that takes."""
        rest = memoryview(data)
        while rest:
            try:
                rest = rest[self._sent(rest) :]
            except BlockingIOError:  # whoever shares the descriptor wants it so
                assert self.out is not None
                select.select([], [self.out], [], _AGAIN_S)
            except OSError:
                self._paused.wait(_AGAIN_S)
            except ValueError:  # the stream was closed, in this process: it is not meant to be written to
                self._lost_more(data.count(b"\n"))
                return

    def _sent(self, data: memoryview) -> int:
        assert self.out is not None
        if self._is_file:
            return os.write(self.out.fileno(), data)
        self.out.write(bytes(data).decode())
        self.out.flush()
        return len(data)

    _paused = threading.Event()  # never set


def _is_file(out: TextIO | None) -> bool:
    with contextlib.suppress(OSError, ValueError):  # one that is kept in memory has no descriptor
        return out is not None and out.fileno() >= 0
    return False


def _nothing(count: int) -> None:
    """Nobody counts."""


def _after_fork() -> None:
    for writer in list(_writers):
        writer.begin_in_fork()


_writers: weakref.WeakSet[LineWriter] = weakref.WeakSet()
os.register_at_fork(after_in_child=_after_fork)
