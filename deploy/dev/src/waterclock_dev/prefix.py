"""The output of many processes as one: each line behind the name of who said it."""

import contextlib
import threading
from functools import partial
from typing import TextIO

from waterclock_dev.children import OnLine

COLOURS = (36, 32, 33, 35, 34, 96, 92, 93, 95, 94)  # of a terminal's sixteen those that read on black and on white


class Prefixed:
    """Writes whole lines to `out`, from any thread. Names get colours only where `out` is a terminal."""

    def __init__(self, out: TextIO, *, width: int = 11) -> None:
        self._out = out
        self._width = width
        self._colour = out.isatty()
        self._seen: dict[str, int] = {}
        self._lock = threading.Lock()

    def write(self, name: str, text: str) -> None:
        """Write `text`, which may be several lines. Where nobody reads any more, nothing is written."""
        with self._lock, contextlib.suppress(BrokenPipeError, ValueError):
            head = self._head(name)
            for line in text.splitlines() or [""]:
                self._out.write(f"{head} {line}\n")
            self._out.flush()

    def of(self, name: str) -> OnLine:
        return partial(self.write, name)

    def _head(self, name: str) -> str:
        padded = f"{name:<{self._width}} │"
        if not self._colour:
            return padded
        number = self._seen.setdefault(name, len(self._seen))
        return f"\x1b[{COLOURS[number % len(COLOURS)]}m{padded}\x1b[0m"
