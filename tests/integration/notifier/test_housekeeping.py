"""What notifiers do beside telling."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
import pytest_asyncio

from tests.contract.store.test_kept_notices import left, told
from tests.integration.notifier.test_notifier import until
from waterclock.kit.settings import SettingsError, read
from waterclock.store.connection.pool import Pool, open_pool
from waterclock_api.notifier import housekeeping
from waterclock_api.notifier.housekeeping import keep_house
from waterclock_api.settings import NotifierSettings


@pytest_asyncio.fixture
async def pool(migrated_postgres_url: str) -> AsyncIterator[Pool]:
    async with await open_pool(migrated_postgres_url, name="test", min_size=1, max_size=2) as opened:
        yield opened


async def test_several_notifiers_let_go_what_is_old_again_and_again(
    pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(housekeeping, "EVERY", 0.05)
    async with pool.connection() as connection, asyncio.TaskGroup() as tasks:
        keeping = [tasks.create_task(keep_house(pool, timedelta(days=90))) for _ in range(2)]
        for name in ("first", "second"):
            await told(connection, name, 91)
            await told(connection, f"{name}new", 1)

            async def gone(name: str = name) -> bool:
                return name not in await left(connection)

            await until(gone, within=15, what="that it is gone")
        assert await left(connection) == ["firstnew", "secondnew"]
        for one in keeping:
            one.cancel()


async def test_for_ever_nothing_is_let_go(pool: Pool) -> None:
    await asyncio.wait_for(keep_house(pool, None), 5)


def test_an_age_that_is_none_is_refused_by_name() -> None:
    given = {"WATERCLOCK_NOTICES": "notices.yaml"}
    assert read(NotifierSettings, given).keep_notices == "90d"
    assert read(NotifierSettings, given | {"WATERCLOCK_KEEP_NOTICES": "forever"}).keep_notices == "forever"
    for text in ("1d", "90", "soon"):
        with pytest.raises(SettingsError, match="WATERCLOCK_KEEP_NOTICES"):
            read(NotifierSettings, given | {"WATERCLOCK_KEEP_NOTICES": text})
