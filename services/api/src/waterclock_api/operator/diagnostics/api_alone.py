"""What `waterclock doctor` says where it is told of no store: what the API tells, and what takes the stores to see."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

from waterclock.cli.connection.resolve import Connection
from waterclock.cli.render.status import Check
from waterclock.cli.status import look
from waterclock.cli.terminal import client_of
from waterclock.client.errors import ApiError
from waterclock_api.operator.diagnostics.checks import Finding, of_api, skipped, warning

TIMEOUT = 5.0  # s, for an answer
OF_THE_LOG = (
    "persistence, memory and settings of the servers, replicas, sessions of workers, streams that are not trimmed and "
    "runs that were lost"
)
OF_THE_ARCHIVE = (
    "migrations, keys, jobs that workers would stop, runs past their timeouts, how long runs are kept, and how log and "
    "archive fit"
)


async def of_installation(own: Connection) -> AsyncGenerator[Finding]:
    """All that the API tells."""
    reached = True
    async for one in of_api(own.url, own.key):
        reached = reached and not (one.check == "api" and one.level == "problem")
        yield one
    if not reached:
        return
    try:
        found = await asyncio.to_thread(_look, own)
    except ApiError as error:
        yield warning("installation", f"not checked: {error} ({own.key_from})", "use a key with the scope list")
        return
    for one in found:
        if one.check != "api":  # told above
            yield Finding(level=one.level, check=one.check, said=one.said, do=one.do)


def _look(own: Connection) -> list[Check]:
    with client_of(own, timeout=TIMEOUT, patience=0) as client:
        return look(client)


def without_stores(*, log: bool, archive: bool) -> list[Finding]:
    """What was not looked at, for want of these."""
    found: list[Finding] = []
    if log:
        found.append(skipped("Redis", OF_THE_LOG, "WATERCLOCK_REDIS_URL"))
    if archive:
        found.append(skipped("Postgres", OF_THE_ARCHIVE, "WATERCLOCK_POSTGRES_URL"))
    return found
