"""Transactions that see one moment."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from psycopg import IsolationLevel

from waterclock.store.connection.pool import Connection


@asynccontextmanager
async def one_moment(connection: Connection) -> AsyncGenerator[None]:
    """The transactions in this context see one moment each, from first to last."""
    await connection.set_isolation_level(IsolationLevel.REPEATABLE_READ)
    try:
        yield
    finally:
        await connection.set_isolation_level(None)
