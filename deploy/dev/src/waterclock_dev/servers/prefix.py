"""The output of many processes as one: each line behind the name of who said it."""

import threading
from functools import partial
from typing import TextIO

from waterclock.kit.telemetry.line_writer import LineWriter
from waterclock.kit.text.escaping import escaped
from waterclock_dev.servers.children import OnLine

FLUSH_MOST_S = 2.0
TAB = "\t"
COLOURS = (36, 32, 33, 35, 34, 96, 92, 93, 95, 94)  # of a terminal's sixteen those that read on black and on white


class Prefixed:
    """Writes whole lines to `out`, from any thread, which never waits. Names get colours only on a terminal."""

    def __init__(self, out: TextIO, *, width: int = 11) -> None:
        self._width = width
        self._colour = out.isatty()
        self._seen: dict[str, int] = {}
        self._lock = threading.Lock()
        self._writer = LineWriter(out, told=lambda count: f"{self._head('dev')} {count} lines were lost: nobody read")

    def write(self, name: str, text: str) -> None:
        """Write `text`, which may be several lines. Where nobody reads any more, they are counted."""
        with self._lock:
            head = self._head(name)
            for line in text.splitlines() or [""]:
                self._writer.put(f"{head} {escaped(line, keep=TAB)}")

    def flush(self, within: float = FLUSH_MOST_S) -> bool:
        """Wait until all of it is written, at most so many seconds; whether it is."""
        return self._writer.flush(within)

    def of(self, name: str) -> OnLine:
        return partial(self.write, name)

    def _head(self, name: str) -> str:
        padded = f"{name:<{self._width}} │"
        if not self._colour:
            return padded
        number = self._seen.setdefault(name, len(self._seen))
        return f"\x1b[{COLOURS[number % len(COLOURS)]}m{padded}\x1b[0m"
