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

_SMALL = 256 << 10  # bytes
_FILLED = """
SELECT tablename, size
FROM pg_tables, LATERAL (
    SELECT coalesce(sum(pg_relation_size(relid)), 0) + pg_relation_size(tablename::regclass)
    FROM pg_partition_tree(tablename::regclass)
    WHERE isleaf AND relid <> tablename::regclass
) AS sized (size)
WHERE schemaname = 'public' AND tablename NOT LIKE 'events\\_%' AND size > 0
    AND tablename NOT IN ('migrations', 'api_key_changes')
"""
"""Tables that ever held something since they were made or truncated; of the two others one may only grow."""

MakeRig: TypeAlias = Callable[..., AbstractAsyncContextManager[Rig]]


@pytest.fixture
def rig(redis_url: str, store_url: str, key_prefix: str) -> MakeRig:
    """`async with rig() as api:` the API over an empty log and empty read models."""
    return partial(assembled_rig, redis_url, store_url, key_prefix)


@pytest.fixture
def store_url(kept_database: str) -> str:
    """A migrated database with nothing in it: emptied, which is quicker than made anew."""
    with psycopg.connect(kept_database, autocommit=True) as connection, connection.transaction():
        for name, size in connection.execute(_FILLED).fetchall():
            anew = size > _SMALL or name == "api_keys"  # of which each deletion is noted
            how = "TRUNCATE {}" if anew else "DELETE FROM {}"  # a file made anew takes some ms, rows take none
            connection.execute(sql.SQL(how).format(sql.Identifier(name)))
    return kept_database


@pytest.fixture(scope="session")
def kept_database(postgres_server: Shared, postgres_template: str) -> Iterator[str]:
    with servers.fresh_database(postgres_server, template=postgres_template) as url:
        yield url
