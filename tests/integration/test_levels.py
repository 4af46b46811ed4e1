"""Projectors tell the other services of which level all of them are: what is newer is not written before."""

from __future__ import annotations

import pytest

from tests.integration.stage import staged
from tests.support.waiting import until
from waterclock.store.connection.pool import connect_anew
from waterclock.store.connection.statements import statement
from waterclock.store.locks import PROJECTORS
from waterclock.wire.level import LEVEL
from waterclock_api.projector import event_level


async def test_projectors_tell_that_none_of_an_earlier_release_is_at_work_and_take_it_back(
    redis_url: str, key_prefix: str, migrated_postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_level, "ALONE_FOR", 0.2)
    async with staged(redis_url, key_prefix, migrated_postgres_url) as stage:
        meta = stage.log.keys.partition(0, "meta")

        async def is_level(wanted: bytes | None) -> bool:
            return await stage.log.execute(meta, "HGET", meta, "level") == wanted

        async with stage.projecting(), await connect_anew(stage.pool) as older:
            await until(lambda: is_level(b"%d" % LEVEL), within=10, what="the level")
            # all that an earlier one says of itself
            await older.execute(statement("join_sharers"), {"sharers": PROJECTORS.all})
            await until(lambda: is_level(None), within=10, what="that there is an earlier one")
            await older.close()
            await until(lambda: is_level(b"%d" % LEVEL), within=10, what="the level again")
