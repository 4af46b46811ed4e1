"""An executor of a release that kept results of any depth; workers load this file by its path.

Where EARLIER_RESULTS is set the worker that loads it keeps them too, as the release did that is stood for.
"""

from __future__ import annotations

import os
from importlib import import_module
from typing import Any

from waterclock.executors import RunContext, executor

DEPTH = 200

if os.environ.get("EARLIER_RESULTS"):
    vars(import_module("waterclock_worker.reporting.results"))["NESTED_MOST"] = DEPTH  # where that release has it


@executor("earlier.deep")
def deep(ctx: RunContext) -> Any:
    """Return lists in lists."""
    found: list[Any] = []
    for _ in range(DEPTH - 1):
        found = [found]
    return found
