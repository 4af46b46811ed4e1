"""What stands below a run's text streams: bytes that land as lines, and an input in which there is nothing."""

from __future__ import annotations

import codecs
import io
import threading
from typing import Any

from waterclock.executors.context import current_step
from waterclock.model.events import Level
from waterclock_worker.reporting.step_log import StepLog

NO_FILE = (
    "the {} of a run is not a file and has no descriptor: declare the executor with `subprocess=True`, "
    "or capture a program's output (`subprocess.run(…, capture_output=True)`) and print it"
)
NAMES = {"stdin": "standard input", "stdout": "standard output", "stderr": "standard error"}


class RunBytes(io.BufferedIOBase):
    """The bytes below a run's standard output or error, whoever holds it and wherever it runs."""

    def __init__(self, name: str, steps: StepLog, level: Level) -> None:
        self.name = f"<{name}>"
        self.mode = "wb"
        self._whose = name
        self._steps = steps
        self._level: Level = level
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._lock = threading.Lock()

    @property
    def raw(self) -> Any:  # pyright: ignore[reportIncompatibleVariableOverride]
        return self

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        """Take bytes; a character may come in parts."""
        if self.closed:
            raise ValueError("write to closed file")
        if isinstance(data, str):
            raise TypeError("a bytes-like object is required, not 'str'")
        given = bytes(memoryview(data))
        with self._lock:
            text = self._decoder.decode(given)
        if text:
            self._steps.printed(current_step.get(), self._level, text)
        return len(given)

    def flush(self) -> None:
        if not self.closed:
            self._steps.flush(current_step.get(), self._level)

    def close(self) -> None:
        """Take what is there as complete. Another takes its place where the run goes on."""
        if not self.closed:
            with self._lock:
                rest = self._decoder.decode(b"", final=True)
            if rest:
                self._steps.printed(current_step.get(), self._level, rest)
            self._steps.flush(current_step.get(), self._level)
        super().close()

    def fileno(self) -> int:
        raise io.UnsupportedOperation(NO_FILE.format(NAMES[self._whose]))


class NoInput(io.TextIOWrapper):
    """Standard input of a run: there is nothing to read."""

    def __init__(self) -> None:
        super().__init__(io.BytesIO(), encoding="utf-8")

    def close(self) -> None:
        """It is the next run's too."""

    def detach(self) -> Any:
        return io.BytesIO()

    def fileno(self) -> int:
        raise io.UnsupportedOperation(NO_FILE.format(NAMES["stdin"]))
