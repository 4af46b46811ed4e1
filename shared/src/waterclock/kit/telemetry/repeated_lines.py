"""Lines that callers can cause as often as they like: one a second for each kind and caller; the others are counted.

What was counted is told by the next line of its kind and caller, or by one that comes when none did for a second.
"""

from __future__ import annotations

import logging
import threading
import time
import weakref
from collections.abc import Callable, Mapping

import msgspec

MOST = 100
"""Kinds and callers that are told apart at one time. Those who come beyond share a line for each kind."""
EVERY = 1.0  # s
_OTHERS = "others"

Fields = Mapping[str, object]
Lazily = Callable[[], Fields]


class _Told(msgspec.Struct, kw_only=True):
    """Of one kind and caller. `pending`: how many were not told; the rest of the last of them."""

    again_at: float
    pending: int = 0
    event: str = ""
    level: int = logging.INFO
    fields: Fields | Lazily = {}


class Repeats:
    """Writes to one logger, from any thread."""

    def __init__(
        self, log: logging.Logger, *, most: int = MOST, every: float = EVERY, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._log = log
        self._most = most
        self._every = every
        self._now = now
        self._told: dict[tuple[str, str], _Told] = {}
        self._lock = threading.Lock()
        self._timer: threading.Timer | None = None
        _all.add(self)

    def __len__(self) -> int:
        return len(self._told)

    def say(
        self,
        event: str,
        who: object,
        fields: Fields | Lazily,
        *,
        level: int = logging.INFO,
        error: Exception | None = None,
        times: int = 1,
    ) -> None:
        """Write a line, or count it as one more like the last; `more` in a line says how many were counted.

        `fields`: also what makes them, called if they are written. `times`: of how many alike they are the last. Of an
        error the traceback is written where the line is; its class is told apart as the event is.
        """
        if not self._log.isEnabledFor(level):
            return
        key = f"{event} {type(error).__name__}", str(who)
        now = self._now()
        with self._lock:
            if key not in self._told and len(self._told) >= self._most:
                key = key[0], _OTHERS
            told = self._told.get(key)
            if told is not None and now < told.again_at:
                told.pending, told.event, told.level, told.fields = told.pending + times, event, level, fields
                self._tell_later()
                return
            more = times - 1 if told is None else told.pending + times - 1
            self._told[key] = _Told(again_at=now + self._every)
            self._tell_later()
        self._write(event, level, fields, more, error)

    def tell(self, *, all_of_it: bool = False) -> None:
        """Write what was counted and is due, and forget who has not come again."""
        now = self._now()
        due: list[_Told] = []
        with self._lock:
            for key, told in list(self._told.items()):
                if now < told.again_at and not all_of_it:
                    continue
                if told.pending:
                    due.append(told)
                    self._told[key] = _Told(again_at=now + self._every)
                else:
                    del self._told[key]
            self._timer = None
            if self._told:
                self._tell_later()
        for told in due:
            self._write(told.event, told.level, told.fields, told.pending - 1)

    def _write(
        self, event: str, level: int, fields: Fields | Lazily, more: int, error: Exception | None = None
    ) -> None:
        fields = fields() if callable(fields) else fields
        self._log.log(level, event, exc_info=error, extra={**fields, "more": more} if more else fields)

    def _tell_later(self) -> None:
        if self._timer is None:
            self._timer = threading.Timer(self._every, self.tell)
            self._timer.daemon = True
            self._timer.name = "tell repeated lines"
            self._timer.start()


def tell_all() -> None:
    """At the end of the process: write what was counted and not told."""
    for one in list(_all):
        one.tell(all_of_it=True)


_all: weakref.WeakSet[Repeats] = weakref.WeakSet()
