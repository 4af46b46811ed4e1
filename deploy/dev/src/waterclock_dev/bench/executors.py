"""The executor whose result is the moment it started, on the clock that all processes of a machine share."""

import time

from waterclock import RunContext, executor


@executor("bench.mark")
async def mark(ctx: RunContext) -> int:  # noqa: ARG001  an executor's shape
    """Nanoseconds of the monotonic clock."""
    return time.monotonic_ns()
