"""A projector that stands still must not hold up the one that took its partition over.

What it holds in Postgres is the locks of its sessions. That of its shares is ended by the server when it falls silent,
so that others take its partitions. That of a follower may be in a transaction, with the partition's position locked:
the next follower, who waits there, has it ended, and so has an operator's command (`store/connection/lock_wait.py`).
That of retention is ended by the server: it sends each statement alone, so the server sees a pause between two. When
the first goes on it finds them gone, and nothing done.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any, TypeVar

from waterclock.store.connection.pool import Connection, Pool, connect_anew
from waterclock.store.connection.statements import statement

SILENCE = 2.5  # s, of a projector that looks at its shares several times in it
STALLED = 5.0  # s in a transaction without a word, in which each statement follows the one before at once
PATIENCE = 0.8  # s, for another's transaction; ours take a fraction of it
T = TypeVar("T")

_log = logging.getLogger(__name__)


async def connect_sharing(pool: Pool) -> Connection:
    """A session that does not outlive us by much, however we go; for locks."""
    connection = await connect_anew(pool, work="shares")
    try:
        await connection.execute(statement("end_when_silent"), {"ms": int(SILENCE * 1000)})
    except BaseException:
        await connection.close()
        raise
    return connection


async def connect_keeping(pool: Pool) -> Connection:
    """A session for retention, which the server ends when it stands still in a transaction."""
    connection = await connect_anew(pool, work="keeping")
    try:
        await connection.execute(statement("end_when_stalled"), {"ms": int(STALLED * 1000)})
    except BaseException:
        await connection.close()
        raise
    return connection


async def connect_following(pool: Pool, partition: int) -> Connection:
    """A session that `unblocked` of another follower may have ended."""
    return await connect_anew(pool, work=_work(partition))


async def unblocked(pool: Pool, connection: Connection, partition: int, work: Coroutine[Any, Any, T]) -> T:
    """Do `work` in the session of a follower whose partition this is; other followers that it waits for are ended.

    Raises:
        ExceptionGroup: of what `work` raises, or psycopg's error where there is no session to end others in.
    """
    async with asyncio.TaskGroup() as tasks:
        watch = tasks.create_task(_end_blockers(pool, connection.info.backend_pid, partition), name="watch blockers")
        try:
            return await work
        finally:
            watch.cancel()


async def _end_blockers(pool: Pool, pid: int, partition: int) -> None:
    while True:
        await asyncio.sleep(PATIENCE)
        async with await connect_anew(pool, work="handover") as connection:
            cursor = await connection.execute(statement("end_blockers"), {"pid": pid, "work": _work(partition)})
            ended = [blocker for blocker, _ in await cursor.fetchall()]
        if ended:
            _log.warning("stalled projector ended", extra={"partition": partition, "sessions": ended})


def _work(partition: int) -> str:
    return f"follow {partition}"
