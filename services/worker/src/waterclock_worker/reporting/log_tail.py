"""The newest lines of an attempt's log past its head, and what all logs of a process may hold of memory."""

from __future__ import annotations

import threading
from collections import deque
from typing import NamedTuple

from waterclock.model.events import LogLine

TAIL_MOST = 512 * 1024  # bytes of text
TAIL_LINES = 16 * 1024
_LEAST = 4  # where memory is short, a tail is a quarter
_COST = 2 * 1024 * 1024  # bytes that a full tail takes, by its text and about 100 a line
MEMORY_MOST = 64 * 1024 * 1024


class Memory:
    """What the logs of a process hold beyond what each may in any case. From any thread."""

    def __init__(self, most: int = MEMORY_MOST) -> None:
        self._most = most
        self._taken = 0
        self._lock = threading.Lock()

    def take(self, size: int) -> bool:
        with self._lock:
            if self._taken + size > self._most:
                return False
            self._taken += size
            return True

    def give(self, size: int) -> None:
        with self._lock:
            self._taken -= size


OF_PROCESS = Memory()


class Kept(NamedTuple):
    """A line, the step that it stands in, and the bytes of its text."""

    step: int | None
    line: LogLine
    size: int


class Tail:
    """A bounded number of lines; the oldest go first, and are counted."""

    __slots__ = ("_granted", "_lines", "_memory", "_text", "gap")

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self._granted = memory.take(_COST)
        self._lines: deque[Kept] = deque()
        self._text = 0
        self.gap = 0  # lines that went

    def __bool__(self) -> bool:
        return bool(self._lines)

    def put(self, step: int | None, line: LogLine, size: int) -> None:
        self._lines.append(Kept(step, line, size))
        self._text += size
        while self._is_over():
            self.first()
            self.gap += 1

    def first(self) -> Kept:
        """Take the oldest."""
        oldest = self._lines.popleft()
        self._text -= oldest.size
        return oldest

    def peek(self) -> Kept:
        return self._lines[0]

    def close(self) -> None:
        """Hold nothing any more."""
        self._lines.clear()
        self._text = 0
        if self._granted:
            self._granted = False
            self._memory.give(_COST)

    def _is_over(self) -> bool:
        if self._within(1 if self._granted else _LEAST):
            return False
        if not self._granted:
            self._granted = self._memory.take(_COST)
        return not self._within(1 if self._granted else _LEAST)

    def _within(self, part: int) -> bool:
        return self._text <= TAIL_MOST // part and len(self._lines) <= TAIL_LINES // part
