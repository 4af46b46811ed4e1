"""For which attempt the code at hand runs.

A context variable says so: it travels with tasks, and with threads that are started in a copy of the context.
"""

from __future__ import annotations

from contextvars import ContextVar

from waterclock_worker.reporting.step_log import StepLog

speaking: ContextVar[StepLog | None] = ContextVar("speaking", default=None)
"""The step log of the attempt for which the caller runs; None outside all."""
