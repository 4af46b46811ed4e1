"""What has to be before anything else is imported, for that takes a second and more. Imports next to nothing itself."""

from __future__ import annotations

import os
import signal
from types import FrameType

from waterclock.kit.gc_tuning import calm_while_loading

_FIRST = 1
_LOADED_BY_NAME = ("OTEL_PYTHON_CONTEXT", "OTEL_PYTHON_TRACER_PROVIDER")
"""Name plugins that OpenTelemetry would load in place of its own and ours, and fail with a traceback."""
_READ_WHEN_LOADED = "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT"
"""By OpenTelemetry's SDK, whose import ends with a traceback where it is no number."""
withheld: dict[str, str] = {}
"""Variables that would end an import; put back by who reads them, and can say what is wrong."""


def begin() -> None:
    """Let a signal that comes before a service heeds it end the process, and nothing of ours be replaced by a name."""
    calm_while_loading()
    for name in _LOADED_BY_NAME:
        os.environ.pop(name, None)
    if not os.environ.get(_READ_WHEN_LOADED, "0").strip().isdecimal():
        withheld[_READ_WHEN_LOADED] = os.environ.pop(_READ_WHEN_LOADED)
    if os.getpid() == _FIRST:  # for which the kernel drops what has no handler; all others it ends by itself
        for number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, _end)


def _end(number: int, _frame: FrameType | None) -> None:
    os._exit(128 + number)
