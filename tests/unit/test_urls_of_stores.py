"""A store's URL that is no such thing is refused without showing any of it: it holds a password."""

from __future__ import annotations

import pytest

from waterclock.log.client import Log, LogSettings
from waterclock.log.errors import LogUnfit
from waterclock.store.errors import StoreUnfit
from waterclock.store.reach import reach

pytestmark = pytest.mark.asyncio
PLACE = "127.0.0.1:1/0"


@pytest.mark.parametrize(
    "url",
    [f"postgresql://u:hush{sign}hash@{PLACE}" for sign in ("/", "@", "%zz")]
    + ["postgresql://u:hush@h/d?port=hash", "host=h password=hush port=hash", "hush hash"],
)
async def test_of_postgres(url: str) -> None:
    with pytest.raises(StoreUnfit, match="WATERCLOCK_POSTGRES_URL: not like") as raised:
        await reach(url)
    assert "hush" not in str(raised.value)
    assert "hash" not in str(raised.value)


@pytest.mark.parametrize("url", [f"redis://u:hush{sign}hash@{PLACE}" for sign in ("/", "#", "?")] + ["http://hush"])
async def test_of_redis(url: str) -> None:
    with pytest.raises(LogUnfit, match="WATERCLOCK_REDIS_URL") as raised:
        await Log.reach(LogSettings(url=url), role="test")
    assert "hush" not in str(raised.value)
