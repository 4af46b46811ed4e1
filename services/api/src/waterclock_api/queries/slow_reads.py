"""Reads that may take long: in a lane of their own, within a share of each caller, for as long as the client waits."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from waterclock_api.access.principal import caller_id
from waterclock_api.http.response import Answer
from waterclock_api.http.route import AnyRequest
from waterclock_api.queries.sources import Reading
from waterclock_api.schemas.requests import JobsQuery, RunsQuery
from waterclock_api.telemetry.instrumentation import CLIENT_LEFT

Receive = Callable[[], Awaitable[Any]]

_CANCEL_AGAIN = 1.0  # s
_PAGE = "Lower `limit`"
_RANGE = "Shorten the range between `from` and `to`"


def listing(request: AnyRequest) -> Reading:
    """A page that an index gives."""
    return Reading(lane="lists", who=caller_id(request.scope), cheaper=f"{_PAGE}.")


def ranging(request: AnyRequest, *besides: str) -> Reading:
    """What costs as much as lies between `from` and `to`; `besides` name other parameters that make it cheaper."""
    return Reading(lane="searches", who=caller_id(request.scope), cheaper=f"{', or '.join((_RANGE, *besides))}.")


def listing_runs(request: AnyRequest, query: RunsQuery) -> Reading:
    if query.q or query.label:
        return ranging(request, "filter by `jobId`, `queue` or `status`")
    return listing(request)


def listing_jobs(request: AnyRequest, query: JobsQuery) -> Reading:
    if query.job_name or query.label:
        cheaper = "Filter by `jobGroup`, `invokeTarget` or `queue`."
        return Reading(lane="searches", who=caller_id(request.scope), cheaper=cheaper)
    return listing(request)


async def until_left(request: AnyRequest, work: Coroutine[Any, Any, Answer]) -> Answer:
    """The answer that `work` comes to. When the client leaves, it is broken off, and its query in Postgres ended."""
    working = asyncio.create_task(work, name="slow read")
    leaving = asyncio.create_task(_left(request.receive), name="client of a slow read")
    both = {working, leaving}
    try:
        await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
    finally:
        await _end(both)
        failed = None if working.cancelled() else working.exception()
    if failed is not None:
        raise failed
    return Answer(b"", status=CLIENT_LEFT) if working.cancelled() else working.result()


async def _end(tasks: set[asyncio.Task[Any]]) -> None:
    """Cancel until they have ended: `wait_for` of Python 3.11, which psycopg uses, now and then swallows it."""
    left = {task for task in tasks if not task.done()}
    while left:
        for task in left:
            task.cancel()
        _, left = await asyncio.wait(left, timeout=_CANCEL_AGAIN)


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        continue
