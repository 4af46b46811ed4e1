"""The logger that a run hands to its executor."""

from __future__ import annotations

import logging
from collections.abc import MutableMapping
from typing import Any

_logger = logging.getLogger("waterclock.run")


class RunLogger(logging.LoggerAdapter[logging.Logger]):
    """Its records name run, attempt and trace, beside what `extra` says; they land where those of `logging` do."""

    def process(self, msg: Any, kwargs: MutableMapping[str, Any]) -> tuple[Any, MutableMapping[str, Any]]:
        kwargs["extra"] = {**(self.extra or {}), **(kwargs.get("extra") or {})}
        return msg, kwargs


def logger_of(run_id: str, attempt: int, traceparent: str | None) -> RunLogger:
    known: dict[str, object] = {"run": run_id, "attempt": attempt}
    if traceparent is not None:
        known["trace_id"] = traceparent[3:35]
    return RunLogger(_logger, known)
