from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager
from functools import partial
from typing import TypeAlias

import psycopg
import pytest
from psycopg import sql

from tests.integration.api.rig import Rig, assembled_rig
from tests.support import servers
from tests.support.servers import Shared

MakeRig: TypeAlias = Callable[..., AbstractAsyncContextManager[Rig]]


@pytest.fixture
def rig(redis_url: str, store_url: str, key_prefix: str) -> MakeRig:
    """`async with rig() as api:` the API over an empty log and empty read models."""
    return partial(assembled_rig, redis_url, store_url, key_prefix)


@pytest.fixture
def store_url(kept_database: str) -> str:
    """A migrated database with nothing in it: emptied, which is quicker than made anew."""
    with psycopg.connect(kept_database, autocommit=True) as connection:
        tables = connection.execute(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename NOT LIKE 'events_%' "
            "AND tablename NOT IN ('migrations', 'api_key_changes')"  # of which the latter may only grow
        ).fetchall()
        names = sql.SQL(", ").join(sql.Identifier(name) for (name,) in tables)
        connection.execute(sql.SQL("TRUNCATE {}").format(names))
    return kept_database


@pytest.fixture(scope="session")
def kept_database(postgres_server: Shared, postgres_template: str) -> Iterator[str]:
    with servers.fresh_database(postgres_server, template=postgres_template) as url:
        yield url
