"""What stands in where no executor can be called.

A run whose executor this worker lacks comes to it only beside workers that do not say what they can run: it is handed
back, later each time, until it comes to one that has it. A request that cannot be read fails the attempt and says why.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from importlib.metadata import version
from typing import Any

from waterclock.executors.context import RunContext
from waterclock.executors.definition import AnyExecutor, Executor
from waterclock.log.commands.attempts import Grant
from waterclock.model.events import RunRequested
from waterclock_worker.reporting.outcome import HandedBack

BACK_FIRST, BACK_LONGEST = 5.0, 60.0
"""Seconds until a run is ready again that was handed back, doubled each time: others are to have their turn."""


class UnreadableRequest(Exception):
    """The run's request means nothing to this release; another's may read it."""


def unknown(key: str, grant: Grant) -> AnyExecutor:
    back_before = max(0, grant.attempt - 1 - grant.failures - grant.losses)  # by whomever
    after = min(BACK_LONGEST, BACK_FIRST * 2 ** min(back_before, 10))

    async def hands_back(ctx: RunContext, params: dict[str, Any]) -> None:
        del params
        ctx.log("this worker has no executor %r: handed back, ready again in %g s", key, after, level="warning")
        raise HandedBack(after)

    return _standing_in(key, hands_back)


def unreadable(grant: Grant, why: str) -> tuple[RunRequested, AnyExecutor]:
    """Stands in for the request too; it is tried again as any run is whose job says nothing else."""
    request = RunRequested(
        run_id=grant.run_id, job_id=grant.job_id, trigger="manual", invoke_target="unreadable", queue="unreadable"
    )
    error = UnreadableRequest(f"release {version('waterclock-worker')} cannot read the request: {why}")

    async def fails(ctx: RunContext, params: dict[str, Any]) -> None:
        del ctx, params
        raise error

    return request, _standing_in("unreadable", fails)


def _standing_in(key: str, function: Callable[[RunContext, dict[str, Any]], Awaitable[None]]) -> AnyExecutor:
    return Executor(function, key=key, timeout=None, kind="async", aliases=())
