"""What an attempt has told and is not sent yet: the head of its log as it comes, and the newest lines past it.

line → pending → recorder    as long as the head has room for it, and memory
     → tail                  past the head, until the attempt ends: then gap, tail, ending
                             where memory is short, until what is pending is sent: then gap, tail
"""

from __future__ import annotations

from waterclock.kit.clock import Clock
from waterclock.kit.text.log_gaps import gap_here, gap_so_far
from waterclock.model.events import AnyStepEvent, LogLine
from waterclock.model.outcomes import Error
from waterclock.model.timestamps import Stamp, stamp
from waterclock_worker.reporting.bounds import NAME_MOST, cleaned
from waterclock_worker.reporting.log_tail import OF_PROCESS, TAIL_MOST, Memory, Tail

BATCH_BYTES = 64 * 1024  # lines of one event; about what one batch may hold
PENDING_MOST = 1024 * 1024  # bytes that may wait to be sent in any case; beyond, while the process has memory
HEAD_MOST = 4 * 1024 * 1024  # bytes of text of one attempt that are sent as they come
HEAD_LINES = 100_000  # of them: in the stores a line takes about 70 bytes beside its text
CAPPED = (
    f"the first {HEAD_MOST // (1024 * 1024)} MiB or {HEAD_LINES} lines of this log end here: the worker "
    f"keeps the newest {TAIL_MOST // 1024} KiB of the rest and sends them when the attempt ends; a worker "
    "that is killed loses them"
)
GAP_LINES, GAP_MS = 1_000, 10_000
"""A gap is told of when it has so many lines, or after so long; each time at twice as many, and after twice as long."""

_GAP_MS_MOST = 600_000
_OVERHEAD = 64  # what a line costs beside its text
_EVENT = 256  # what another event costs


class Lines:
    """Lines of one step that follow each other."""

    __slots__ = ("lines", "number", "size")

    def __init__(self, number: int | None) -> None:
        self.number = number
        self.lines: list[LogLine] = []
        self.size = 0


class Pending:
    """In order, and bounded. Not for two threads at once."""

    __slots__ = (
        "_capped", "_clock", "_closed", "_gap_lines", "_gap_ms", "_granted", "_items", "_lines", "_memory", "_progress",
        "_tail", "_told_at", "_written", "size", "touched",
    )  # fmt: skip

    def __init__(self, clock: Clock, memory: Memory = OF_PROCESS) -> None:
        self._clock = clock
        self._items: list[Lines | AnyStepEvent] = []
        self._progress: dict[int, int] = {}  # step → where its progress stands in `_items`
        self._written = 0  # bytes of text, of lines and errors
        self._lines = 0
        self._capped = False  # the head has ended
        self._closed = False
        self._tail: Tail | None = None  # lines for which the head had no room, or the process no memory
        self._memory = memory
        self._granted = 0
        self._gap_lines, self._gap_ms, self._told_at = GAP_LINES, GAP_MS, 0  # when the gap is told of again
        self.size = 0  # of lines
        self.touched = False  # anything ever put

    def __bool__(self) -> bool:
        """Whether there is something to take now."""
        return bool(self._items) or (self._closed and self._tail is not None)

    def put(self, event: AnyStepEvent) -> None:
        if not self._closed:
            self.touched = True
            self._items.append(event)

    def put_progress(self, step: int, event: AnyStepEvent) -> None:
        """The latest word counts."""
        if self._closed:
            return
        place = self._progress.get(step)
        if place is not None:
            self._items[place] = event
        else:
            self._progress[step] = len(self._items)
            self.put(event)

    def end_progress(self, step: int) -> None:
        self._progress.pop(step, None)

    def put_line(self, step: int | None, line: LogLine, now_ms: int) -> None:
        """Put a line where it belongs: to what is sent, or into the tail."""
        if self._closed:
            return
        size = _bytes_of(line.text)
        if self._tail is None:
            if not self._head_has_room(size):
                self._cap(line.at, now_ms)
            elif self._has_memory(size + _OVERHEAD):
                self._append(step, line, size)
                return
            self._tail = Tail(self._memory)
        self._tail.put(step, line, size)
        if self._capped:
            self._tell_gap(self._tail.gap, line.at, now_ms)

    def kept_of(self, error: Error) -> Error:
        """Past the head a step's error is told by its first words: there may be ten thousand of them."""
        size = len(error.message) + len(error.traceback or "")
        if not self._capped and self._head_has_room(size):
            self._written += size
            return error
        return Error(type=error.type, message=cleaned(error.message, NAME_MOST))

    def take(self, most: int) -> list[Lines | AnyStepEvent]:
        """The oldest, about `most` bytes of it, at least one."""
        if not self._items and self._tail is not None and (self._closed or not self._capped):
            self._release(self._tail, most)
        count = size = lines = 0
        for item in self._items:
            if size >= most:
                break
            count += 1
            if isinstance(item, Lines):
                size += item.size
                lines += item.size
            else:
                size += _EVENT
        taken, self._items = self._items[:count], self._items[count:]
        self.size -= lines
        self._progress = {}
        self._give_back()
        return taken

    def close(self) -> None:
        """Take nothing more; the tail is to be taken now."""
        self._closed = True

    @property
    def closed(self) -> bool:
        return self._closed

    def add(self, line: LogLine, now_ms: int) -> None:
        """Put a line of ours although it is closed."""
        closed, self._closed = self._closed, False
        self.put_line(None, line, now_ms)
        self._closed = closed

    def drop(self) -> None:
        """Hold nothing any more."""
        self._closed = True
        self._items, self._progress, self.size = [], {}, 0
        self._give_back()
        if self._tail is not None:
            self._tail.close()
            self._tail = None

    def _head_has_room(self, size: int) -> bool:
        return self._written + size <= HEAD_MOST and self._lines < HEAD_LINES

    def _has_memory(self, size: int) -> bool:
        """Beyond what each log may hold, it is granted in batches."""
        while self.size + size > PENDING_MOST + self._granted:
            if not self._memory.take(BATCH_BYTES):
                return False
            self._granted += BATCH_BYTES
        return True

    def _give_back(self) -> None:
        spare = self._granted - max(self.size - PENDING_MOST, 0)
        if spare >= BATCH_BYTES:
            spare -= spare % BATCH_BYTES
            self._granted -= spare
            self._memory.give(spare)

    def _append(self, step: int | None, line: LogLine, size: int) -> None:
        self._written += size
        self._lines += 1
        size += _OVERHEAD
        self.size += size
        self.touched = True
        last = self._items[-1] if self._items else None
        if not isinstance(last, Lines) or last.number != step or last.size + size > BATCH_BYTES:
            last = Lines(step)
            self._items.append(last)
        last.lines.append(line)
        last.size += size

    def _say(self, at: Stamp, text: str) -> None:
        """A line of our own: it counts for nothing."""
        own = Lines(None)
        own.lines.append(LogLine(at=at, level="warning", text=text))
        self.touched = True
        self._items.append(own)

    def _cap(self, at: Stamp, now_ms: int) -> None:
        self._capped = True
        self._told_at = now_ms
        self._say(at, CAPPED)

    def _tell_gap(self, gap: int, at: Stamp, now_ms: int) -> None:
        """To who follows, now and then."""
        if not gap or (gap < self._gap_lines and now_ms < self._told_at + self._gap_ms):
            return
        self._gap_lines = max(self._gap_lines, gap) * 2
        self._gap_ms = min(self._gap_ms * 2, _GAP_MS_MOST)
        self._told_at = now_ms
        self._say(at, gap_so_far(gap))

    def _release(self, tail: Tail, most: int) -> None:
        """Make the tail pending: when the attempt has ended about `most` of it, else what the head has room for."""
        if tail.gap:
            at = tail.peek().line.at if tail else stamp(self._clock.now_ms())
            self._say(at, gap_here(tail.gap, "limit" if self._capped else "speed"))
            tail.gap = 0
        size = 0
        while tail:
            step, line, length = tail.peek()
            if not (size < most if self._closed else self._has_memory(length + _OVERHEAD)):
                return
            if not self._closed and not self._head_has_room(length):
                self._cap(line.at, self._clock.now_ms())
                return
            tail.first()
            self._append(step, line, length)
            size += length + _OVERHEAD
        tail.close()
        self._tail = None


def _bytes_of(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode())
