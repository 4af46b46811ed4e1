"""Text that comes in pieces, as a terminal would show it: whole lines, and of a bar its last state.

A carriage return begins the line anew, so that what stood before is gone; before a line break it is Windows' part of
that. Of a long line the beginning is held, and the rest counted. Each character is looked at a bounded number of times,
however small the pieces are.
"""

from __future__ import annotations

import codecs
from typing import NamedTuple

LINE_HELD = 80 * 1024
"""Characters of a line that are held: more than a log keeps of one, so that a secret at the cut is found whole."""
_PIECES_MOST = 4096


class Printed(NamedTuple):
    """A line: the beginning that is held, and how many characters it had."""

    text: str
    length: int


class LineBuffer:
    """What was printed and has no end yet. Not for two threads at once."""

    __slots__ = ("_held", "_is_bar", "_is_shown", "_length", "_pieces", "_returned")

    def __init__(self) -> None:
        self._clear()
        self._is_bar = False  # a carriage return stands in the line
        self._is_shown = False  # its beginning was flushed

    def feed(self, text: str) -> list[Printed]:
        """Take a piece; the lines that it completes."""
        if "\n" not in text:
            self._add(text)
            return []
        first, *whole, rest = text.split("\n")
        self._add(first)
        is_over = self._is_shown and not self._length  # all of it was flushed
        ended = self._ended()
        lines = [] if is_over else [ended]
        if whole:
            lines += map(_printed, whole)
        self._add(rest)
        return lines

    def flush(self) -> Printed | None:
        """Take what there is as a line, for who prints wants it seen; but not a bar, whose next state is to come."""
        if self._is_bar or not self._length:
            return None
        line = self._ended()
        self._is_shown = True
        return line

    def close(self) -> Printed | None:
        """What is left, if anything is to be seen of it."""
        is_bar = self._is_bar
        last = self._ended()
        return last if last.text and not (is_bar and last.text.isspace()) else None

    def _add(self, text: str) -> None:
        if "\r" in text:
            self._is_bar = True
            state = text.rstrip("\r")
            _, returned, last = state.rpartition("\r")
            if returned:
                self._clear()
            self._hold(last)
            self._returned = self._returned or len(state) < len(text)
        else:
            self._hold(text)

    def _hold(self, text: str) -> None:
        """Write at the place where the cursor stands."""
        if not text:
            return
        if self._returned:
            self._clear()
        self._length += len(text)
        room = LINE_HELD - self._held
        if room < len(text):
            text = text[:room]
        self._held += len(text)
        self._pieces.append(text)
        if len(self._pieces) > _PIECES_MOST:
            self._pieces = ["".join(self._pieces)]

    def _ended(self) -> Printed:
        line = Printed("".join(self._pieces), self._length)
        self._clear()
        self._is_bar = self._is_shown = False
        return line

    def _clear(self) -> None:
        self._pieces: list[str] = []
        self._held = 0
        self._length = 0
        self._returned = False  # the cursor stands at the beginning: what comes overwrites


class ByteLines:
    """The same of a program's output: UTF-8, cut anywhere; what is none is shown as `errors` says."""

    __slots__ = ("_decoder", "_lines")

    def __init__(self, *, errors: str = "replace") -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors=errors)
        self._lines = LineBuffer()

    def feed(self, piece: bytes) -> list[Printed]:
        return self._lines.feed(self._decoder.decode(piece))

    def close(self) -> list[Printed]:
        lines = self._lines.feed(self._decoder.decode(b"", final=True))
        last = self._lines.close()
        return lines if last is None else [*lines, last]


def without_returns(text: str) -> str:
    """A text of whole lines, without Windows' part of their ends."""
    return text.replace("\r\n", "\n").rstrip("\r") if "\r" in text else text


def _printed(line: str) -> Printed:
    if "\r" in line:
        line = line.rstrip("\r")
        line = line[line.rfind("\r") + 1 :]
    return Printed(line[:LINE_HELD] if len(line) > LINE_HELD else line, len(line))
