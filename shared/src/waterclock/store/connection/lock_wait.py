"""What an operator's command does while another session of Postgres holds what it needs: it says who, and gives up.

A process that was stopped in a transaction, a forgotten `psql`, a dump: each may hold a lock for hours. A command that
waits for it looks from a second session who that is, says so every few seconds, and ends after a minute.

A projector that stands still in a transaction is not waited for: its session is ended, as the projector that takes its
partitions over would do. What it had begun is undone, and done again when it goes on.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime
from typing import Any, NamedTuple, TypeVar

import psycopg
from psycopg import AsyncConnection
from psycopg.errors import InsufficientPrivilege
from psycopg.rows import TupleRow

from waterclock.store.connection.errors import StoreUnfit
from waterclock.store.connection.session import Session
from waterclock.store.connection.statements import statement

LOOK = 1.0  # s between two looks
TELL_EVERY = 5.0  # s of waiting
LIMIT = 60.0  # s of waiting at a stretch
STALLED = 3  # looks in a row at which a projector's session has done nothing; it sends its statements at once
_PROJECTORS = "waterclock projector "
T = TypeVar("T")

Connect = Callable[[], AbstractAsyncContextManager[AsyncConnection[TupleRow]]]


class LockHeld(StoreUnfit):
    """Another session of Postgres holds a lock for too long."""


class Holder(NamedTuple):
    """A session that others wait for; what is None is not known to this user."""

    pid: int
    user: str | None
    application: str | None
    address: str | None
    state: str | None
    lasts: float | None  # s, its transaction
    awaits_client: bool
    mark: datetime | None

    @property
    def works(self) -> bool:
        """Whether it is executing a statement."""
        return self.state == "active" and not self.awaits_client

    @property
    def projects(self) -> bool:
        return (self.application or "").startswith(_PROJECTORS)

    def __str__(self) -> str:
        if not self.pid:
            return "a prepared transaction (pg_prepared_xacts)"
        about = [self.application or "no name", f"user {self.user}"] + ([self.address] if self.address else [])
        about += ["active" if self.works else "idle"] if self.state else []
        about += [f"in a transaction for {self.lasts:.0f} s"] if self.lasts is not None else []
        return f"Postgres session {self.pid} ({', '.join(about)})"


async def patient(
    connection: AsyncConnection[TupleRow],
    work: Coroutine[Any, Any, T],
    *,
    connect: Connect,
    tell: Callable[[str], None],
    limit: float = LIMIT,
    while_it_works: bool = False,
) -> T:
    """Do `work`, which uses `connection`, and watch from a session that `connect` gives for whom it waits.

    `while_it_works`: wait without limit for who is at work, such as another migration; only one that stands still is
    given up. `tell` is called every few seconds with who holds the lock.

    Raises:
        LockHeld: it waited for `limit` s at a stretch; nothing of its transaction is done.
    """
    watch = _Watch(connection.info.backend_pid, connect, tell, limit, while_it_works=while_it_works)
    try:
        async with asyncio.TaskGroup() as tasks:
            doing = tasks.create_task(work, name="work")
            watching = tasks.create_task(watch.run(), name="watch lock holders")
            await asyncio.wait({doing})
            watching.cancel()
    except ExceptionGroup as group:
        raise group.exceptions[0] from None
    return doing.result()


@asynccontextmanager
async def second_session(url: str) -> AsyncGenerator[AsyncConnection[TupleRow]]:
    """A session for looks of who has no pool."""
    async with await Session.connect(
        url, autocommit=True, application_name="waterclock lock watch", connect_timeout=5
    ) as connection:
        yield connection


class _Watch:
    def __init__(
        self, pid: int, connect: Connect, tell: Callable[[str], None], limit: float, *, while_it_works: bool
    ) -> None:
        self._pid = pid
        self._connect = connect
        self._tell = tell
        self._limit = limit
        self._while_it_works = while_it_works
        self._still: dict[tuple[int, datetime | None], int] = {}  # at how many looks a projector has done nothing

    async def run(self) -> None:
        """
        Raises:
            LockHeld: see `patient`.
        """
        clock = asyncio.get_running_loop().time
        since: float | None = None  # when the wait began
        idle: float | None = None  # since when nobody whom it waits for is at work
        told = 0.0
        while True:
            await asyncio.sleep(min(LOOK, self._limit / 4))
            holders = await self._holders()
            now = clock()
            if not holders:
                since = idle = None
                continue
            since = now if since is None else since
            idle = None if any(one.works for one in holders) else now if idle is None else idle
            counted = idle if self._while_it_works else since
            names = " and ".join(map(str, holders))
            if counted is not None and now - counted >= self._limit:
                raise LockHeld(_given_up(now - since, names, [one.pid for one in holders if one.pid]))
            if now - max(since, told) >= TELL_EVERY:
                told = now
                self._tell(f"waiting for {now - since:.0f} s for a lock that {names} holds")

    async def _holders(self) -> list[Holder]:
        """None also where the server gives no session to look from now: the work itself meets what is wrong with it."""
        try:
            async with self._connect() as connection:
                rows = await (await connection.execute(statement("lock_holders"), {"pid": self._pid})).fetchall()
                holders = [Holder(*row) for row in rows]
                await self._end_stalled(connection, holders)
        except psycopg.OperationalError:
            return []
        return holders

    async def _end_stalled(self, connection: AsyncConnection[TupleRow], holders: list[Holder]) -> None:
        """End sessions of projectors that stand still; who may not is told of them like of any other."""
        still = [one for one in holders if one.projects and one.awaits_client]
        self._still = {(one.pid, one.mark): self._still.get((one.pid, one.mark), 0) + 1 for one in still}
        for one in still:
            if self._still[one.pid, one.mark] >= STALLED:
                try:
                    await connection.execute(statement("end_session"), {"pid": one.pid})
                except InsufficientPrivilege:
                    continue
                self._tell(f"ended {one}: its projector stands still; what it had begun is undone")


def _given_up(seconds: float, names: str, pids: list[int]) -> str:
    ending = "; ".join(f"SELECT pg_terminate_backend({pid})" for pid in pids) or "ROLLBACK PREPARED"
    return (
        f"Gave up after waiting {seconds:.0f} s for a lock that {names} holds. Let that finish, stop its process, or "
        f"end it in Postgres ({ending}); then run the same command again."
    )
