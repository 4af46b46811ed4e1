"""What stands in where no executor can be called: the attempt fails and says why, and may be tried elsewhere."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

from waterclock.executors.context import RunContext
from waterclock.executors.definition import AnyExecutor, Executor
from waterclock.log.commands.attempts import Grant
from waterclock.model.events import RunRequested


class UnknownExecutor(Exception):
    """Nothing stands behind the run's target in this worker."""


class UnreadableRequest(Exception):
    """The run's request means nothing to this release; another's may read it."""


def unknown(key: str) -> AnyExecutor:
    return _failing(key, UnknownExecutor(f"this worker has no executor {key!r}"))


def unreadable(grant: Grant, why: str) -> tuple[RunRequested, AnyExecutor]:
    """Stands in for the request too; it is tried again as any run is whose job says nothing else."""
    request = RunRequested(
        run_id=grant.run_id, job_id=grant.job_id, trigger="manual", invoke_target="unreadable", queue="unreadable"
    )
    error = UnreadableRequest(f"release {version('waterclock-worker')} cannot read what was requested: {why}")
    return request, _failing("unreadable", error)


def _failing(key: str, error: Exception) -> AnyExecutor:
    async def fails(ctx: RunContext, params: dict[str, Any]) -> None:
        del ctx, params
        raise error

    return Executor(fails, key=key, timeout=None, kind="async", aliases=())
