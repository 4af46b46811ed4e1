"""What a session with Postgres is set to, whatever a machine, a user or a database happens to be set to.

encoding     UTF8
schema       what the URL says (`options=-csearch_path=…`); else `"$user", public`, or the one that holds our tables
time limits  none for statements and locks, but for the API's, which are ours or, if less, the user's or the database's
environment  of libpq's variables those that say where and how are not read (`_NOT_READ`); passwords and TLS are
"""

from __future__ import annotations

import os
from types import TracebackType
from typing import Any

from psycopg import AsyncConnection
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import TupleRow

from waterclock.store.connection.errors import StoreUnfit
from waterclock.store.connection.statements import statement

_NOT_READ = ("PGCLIENTENCODING", "PGDATESTYLE", "PGGEQO", "PGHOSTADDR", "PGOPTIONS", "PGSERVICE", "PGTZ")
_OF_A_PLACE = ("PGDATABASE", "PGPORT")
"""Not read where the URL names a host: then it says where."""
_SAY = "name one in WATERCLOCK_POSTGRES_URL, as ?options=-csearch_path%3Dname"


class Session(AsyncConnection[TupleRow]):
    """A connection whose settings are ours from the first statement on."""

    @classmethod
    async def connect(cls, conninfo: str = "", *, keeps_limits: Any = False, **arguments: Any) -> Session:
        """`keeps_limits`: those that user or database have set for statements hold.

        Raises:
            StoreUnfit: our tables are in several schemas, and none of them is named.
            psycopg.Error: as that of any connection.
        """
        told = conninfo_to_dict(conninfo)
        forget_environment(named="host" in told)
        arguments = {"options": "", **arguments} if "options" not in told else arguments
        connection = await super().connect(conninfo, client_encoding="UTF8", **arguments)
        try:
            await _settle(
                connection, schema_is_said="search_path" in str(told.get("options")), keeps_limits=keeps_limits
            )
        except BaseException:
            await connection.close()
            raise
        return connection

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """One of no pool is closed, and its locks are free, also where we are cancelled in its last commit."""
        try:
            await super().__aexit__(kind, error, traceback)
        except BaseException:
            if not getattr(self, "_pool", None):
                await self.close()
            raise


def forget_environment(*, named: bool) -> None:
    """Take what is not read of libpq's variables out of our environment: it offers no other way for all of them."""
    for name in (*_NOT_READ, *(_OF_A_PLACE if named else ())):
        os.environ.pop(name, None)


async def _settle(connection: AsyncConnection[TupleRow], *, schema_is_said: bool, keeps_limits: bool) -> None:
    wanted = {"schema_is_said": schema_is_said, "keeps_limits": keeps_limits}
    row = await (await connection.execute(statement("settle_session"), wanted)).fetchone()
    assert row is not None
    *_, homes, chosen = row
    if len(homes) > 1 and not chosen:
        raise StoreUnfit(f"Waterclock tables are in several schemas of the database, {', '.join(homes)}: {_SAY}.")


async def check_schema(connection: AsyncConnection[TupleRow]) -> None:
    """
    Raises:
        StoreUnfit: there is no schema for tables.
    """
    row = await (await connection.execute(b"SELECT current_schema(), current_setting('search_path')")).fetchone()
    assert row is not None
    if row[0] is None:
        raise StoreUnfit(f"The database has none of the schemas {row[1]}: create one, and {_SAY}.")
