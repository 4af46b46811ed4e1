"""Connections to Postgres. All are in autocommit: a transaction is where one is written."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import Any, TypeAlias

from psycopg import AsyncConnection
from psycopg.errors import InvalidParameterValue
from psycopg.rows import TupleRow
from psycopg_pool import PoolTimeout

from waterclock.store.connection.connect import reach
from waterclock.store.connection.errors import SCHEMA_MISSING, StoreAway, StoreUnfit
from waterclock.store.connection.migrate import check_server, migrations, pending
from waterclock.store.connection.permissions import rights
from waterclock.store.connection.session import Session
from waterclock.store.connection.statements import statement
from waterclock.store.connection.watchdog import WatchedPool

Connection: TypeAlias = AsyncConnection[TupleRow]
Pool: TypeAlias = WatchedPool

CLIENT_LOOK_MS = 1_000
CONNECT_TIMEOUT = 5  # s
RECONNECT_TIMEOUT = 0.5  # s of growing pauses; after it whoever wants a connection makes the pool try at once
_SILENCE = {"keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3, "tcp_user_timeout": 20_000}
"""How soon a server that vanished without a word is given up: s, and ms for what we sent."""


async def open_pool(
    url: str,
    *,
    name: str,
    said: str = "",
    min_size: int = 1,
    max_size: int = 10,
    statement_timeout: float | None = None,
) -> Pool:
    """A pool of open connections to a database that this release can use.

    `said`: as of `unopened_pool`. `statement_timeout`: s that a statement may take at most; what user or database have
    set holds where it is less.

    Raises:
        StoreUnfit: the server is unreachable or too old, or the database is not migrated.
    """
    await check_usable(url, name)
    pool = unopened_pool(
        url, name=name, said=said, min_size=min_size, max_size=max_size, statement_timeout=statement_timeout
    )
    try:
        await pool.open(wait=True, timeout=2 * CONNECT_TIMEOUT)
    except PoolTimeout as error:
        await pool.close()
        raise StoreAway(f"Postgres does not give {min_size} connections to {name}: {error}") from error
    return pool


def unopened_pool(
    url: str,
    *,
    name: str,
    said: str = "",
    min_size: int = 1,
    max_size: int = 10,
    statement_timeout: float | None = None,
    stalled: float | None = None,
) -> Pool:
    """As `open_pool` makes it; until it is opened it gives no connection, as if the server were away.

    `said`: what the server's lists of sessions show after the name. `stalled`: s that a session may stand still
    within a transaction before the server ends it.
    """
    return Pool(
        url,
        connection_class=Session,
        kwargs=_arguments(f"{name} {said}".rstrip()) | {"keeps_limits": statement_timeout is not None},
        min_size=min_size,
        max_size=max_size,
        name=name,
        timeout=CONNECT_TIMEOUT,
        configure=partial(_limit, seconds=statement_timeout, stalled=stalled),
        reconnect_timeout=RECONNECT_TIMEOUT,
        open=False,
    )


async def connect_anew(pool: Pool, *, work: str = "") -> Connection:
    """A connection outside the pool, to whatever server now answers at its address; the caller closes it.

    The server's lists of sessions tell what it is for, by `work`.

    Raises:
        psycopg.OperationalError: none answers.
    """
    assert isinstance(pool.conninfo, str)
    return await Session.connect(pool.conninfo, **_arguments(f"{pool.name} {work}".rstrip()))


async def _limit(connection: Connection, *, seconds: float | None, stalled: float | None) -> None:
    """No statement outlives its time, or us: a request to cancel it may come before it has begun, and is lost then."""
    if stalled is not None:
        await connection.execute(statement("end_when_stalled"), {"ms": round(stalled * 1000)})
    if seconds is None:
        return
    await connection.execute(statement("limit_statements"), {"ms": round(seconds * 1000)})
    with suppress(InvalidParameterValue):  # a server on Windows cannot look
        await connection.execute(statement("look_for_client"), {"ms": CLIENT_LOOK_MS})


async def check_usable(url: str, name: str) -> None:
    """
    Raises:
        StoreUnfit: the server is unreachable or too old, or the database is not migrated.
    """
    async with await reach(url, **_arguments(f"{name} start")) as connection:
        check_server(connection)
        with rights(url):
            missing = await pending(connection)
    if len(missing) == len(migrations()):
        raise StoreUnfit(f"The database has no Waterclock tables; {SCHEMA_MISSING}.")
    if missing:
        raise StoreUnfit(f"The database lacks {', '.join(missing)}: run `waterclock migrate`.")


def _arguments(name: str) -> dict[str, Any]:
    return {
        "autocommit": True,
        "application_name": f"waterclock {name}",
        "connect_timeout": CONNECT_TIMEOUT,
        **_SILENCE,
    }
