"""Standard output and error as a run has them: whole text streams whose lines land in its log."""

from __future__ import annotations

import codecs
import io
from typing import Any, TextIO

from waterclock.executors.context import current_step
from waterclock.model.events import Level
from waterclock_worker.reporting.capture.current_run import speaking
from waterclock_worker.reporting.capture.stream_parts import NAMES, NO_FILE, RunBytes
from waterclock_worker.reporting.step_log import StepLog


class _Stream:
    """What a run has made of one of its streams."""

    __slots__ = ("buffer", "closed", "detached", "encoding", "errors", "line_buffering", "write_through")

    def __init__(self) -> None:
        self.closed = False
        self.detached = False
        self.buffer: RunBytes | None = None
        self.encoding, self.errors = "utf-8", "replace"
        self.line_buffering, self.write_through = True, False


made_by: dict[StepLog, dict[str, _Stream]] = {}  # run → name → what it has made of the stream


class RunOutput(io.TextIOBase):
    """Standard output or error of whoever asks: of the run for which it runs; outside runs, of the process."""

    def __init__(self, name: str, behind: TextIO | None, level: Level) -> None:
        self._name = name
        self._behind = behind
        self._level: Level = level

    def write(self, text: str) -> int:  # pyright: ignore[reportIncompatibleMethodOverride]
        steps = speaking.get()
        if steps is None:
            return len(text) if self._behind is None else self._behind.write(text)
        if made_by:
            self._check(steps)
        if not isinstance(text, str):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        steps.printed(current_step.get(), self._level, text if type(text) is str else str.__str__(text))
        return len(text)

    def flush(self) -> None:
        """An unfinished line is told too: who flushes wants it seen."""
        steps = speaking.get()
        if steps is not None:
            if made_by:
                self._check(steps)
            steps.flush(current_step.get(), self._level)
        elif self._behind is not None:
            self._behind.flush()

    def close(self) -> None:
        steps = speaking.get()
        if steps is None:
            return  # the process's own stream is nobody's to close
        made = self._of(steps)
        if not made.closed:
            steps.flush(current_step.get(), self._level)
            made.closed = True

    def detach(self) -> Any:
        steps = speaking.get()
        if steps is None:
            raise io.UnsupportedOperation("detach")
        self._check(steps)
        buffer = self.buffer
        self._of(steps).detached = True
        return buffer

    def reconfigure(
        self,
        *,
        encoding: str | None = None,
        errors: str | None = None,
        newline: str | None = None,
        line_buffering: bool | None = None,
        write_through: bool | None = None,
    ) -> None:
        """As of a text stream. What is written stays text, which every store can hold."""
        if newline not in {None, "", "\n", "\r", "\r\n"}:
            raise ValueError(f"illegal newline value: {newline}")
        if encoding is not None:
            encoding = codecs.lookup(encoding).name
        if errors is not None:
            codecs.lookup_error(errors)
        steps = speaking.get()
        if steps is None:
            if self._behind is not None:
                given = {"encoding": encoding, "errors": errors, "newline": newline}
                given |= {"line_buffering": line_buffering, "write_through": write_through}
                change: Any = getattr(self._behind, "reconfigure", None)
                if change is not None:
                    change(**{name: value for name, value in given.items() if value is not None})
            return
        self._check(steps)
        made = self._of(steps)
        made.encoding = encoding or made.encoding
        made.errors = errors or ("strict" if encoding else made.errors)
        made.line_buffering = made.line_buffering if line_buffering is None else line_buffering
        made.write_through = made.write_through if write_through is None else write_through

    @property
    def buffer(self) -> Any:
        """For bytes: they are read as UTF-8 and land as lines."""
        steps = speaking.get()
        if steps is None:
            return getattr(self._behind, "buffer", None)
        made = self._of(steps)
        if made.detached:
            raise ValueError("underlying buffer has been detached")
        if made.buffer is None or made.buffer.closed:
            made.buffer = RunBytes(self._name, steps, self._level)
        return made.buffer

    @property
    def closed(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride, reportIncompatibleMethodOverride]
        steps = speaking.get()
        if steps is None:
            return bool(getattr(self._behind, "closed", False))
        made = made_by.get(steps, {}).get(self._name)
        return made is not None and made.closed

    @property
    def encoding(self) -> str:  # pyright: ignore[reportIncompatibleVariableOverride]
        return self._said("encoding", "utf-8")

    @property
    def errors(self) -> str:  # pyright: ignore[reportIncompatibleVariableOverride]
        return self._said("errors", "replace")

    @property
    def line_buffering(self) -> bool:
        return self._said("line_buffering", True)

    @property
    def write_through(self) -> bool:
        return self._said("write_through", False)

    @property
    def newlines(self) -> None:  # pyright: ignore[reportIncompatibleVariableOverride]
        return None

    @property
    def name(self) -> str:
        return f"<{self._name}>"

    @property
    def mode(self) -> str:
        return "w"

    def writable(self) -> bool:
        return True

    def isatty(self) -> bool:
        return speaking.get() is None and self._behind is not None and self._behind.isatty()

    def fileno(self) -> int:
        if speaking.get() is None and self._behind is not None:
            return self._behind.fileno()
        raise io.UnsupportedOperation(NO_FILE.format(NAMES[self._name]))

    def _said(self, name: str, usual: Any) -> Any:
        steps = speaking.get()
        if steps is None:
            return getattr(self._behind, name, usual)
        return getattr(made_by.get(steps, {}).get(self._name), name, usual)

    def _of(self, steps: StepLog) -> _Stream:
        if steps.closed:
            return _Stream()  # for what a run has left behind: nothing is kept of it
        return made_by.setdefault(steps, {}).setdefault(self._name, _Stream())

    def _check(self, steps: StepLog) -> None:
        made = made_by.get(steps, {}).get(self._name)
        if made is not None and made.detached:
            raise ValueError("underlying buffer has been detached")
        if made is not None and made.closed:
            raise ValueError("I/O operation on closed file.")
