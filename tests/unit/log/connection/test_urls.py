"""A store's URL that is no such thing is refused without showing any of it: it holds a password."""

from __future__ import annotations

import pytest

from waterclock.log.client import Log, LogSettings
from waterclock.log.connection.errors import LogUnfit
from waterclock.store.connection.connect import reach
from waterclock.store.connection.errors import StoreUnfit

PLACE = "127.0.0.1:1/0"


@pytest.mark.parametrize(
    "url",
    [f"postgresql://u:hush{sign}hash@{PLACE}" for sign in ("/", "@", "%zz")]
    + ["postgresql://u:hush@h/d?port=hash", "host=h password=hush port=hash", "hush hash"],
)
async def test_of_postgres(url: str) -> None:
    with pytest.raises(StoreUnfit, match="WATERCLOCK_POSTGRES_URL: must look like") as raised:
        await reach(url)
    assert "hush" not in str(raised.value)
    assert "hash" not in str(raised.value)


@pytest.mark.parametrize("url", [f"redis://u:hush{sign}hash@{PLACE}" for sign in ("/", "#", "?")] + ["http://hush"])
async def test_of_redis(url: str) -> None:
    with pytest.raises(LogUnfit, match="WATERCLOCK_REDIS_URL") as raised:
        await Log.reach(LogSettings(url=url), role="test")
    assert "hush" not in str(raised.value)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://r0:p@s#s/w:o?r%d+&$@127.0.0.1:1/db",
        "postgresql://r0:12/34@127.0.0.1:1/db",
        "postgresql://r0:pash@word/more@127.0.0.1:1/db",
        "postgresql://r0:pash@word/more?sslmode=more@127.0.0.1:1/db",
        "postgresql://r0:pa/sh?word=more@127.0.0.1:1/db",
        "postgresql://r0@127.0.0.1:1/db?password=pash&word=more",
        "postgresql://r0:12/34?sslmode=more@127.0.0.1:1/db",
        "postgresql://r0:pash@wo$rd/more",
    ],
)
async def test_no_piece_of_a_password_of_postgres_is_taken_for_another_part(url: str) -> None:
    with pytest.raises(StoreUnfit, match="percent-encode") as raised:
        await reach(url)
    assert not any(piece in str(raised.value) for piece in ("pash", "word=", "more", "34", "s#s", "w:o", "r%d", "$"))


@pytest.mark.parametrize(
    "url",
    [
        "redis://r0:p@s#s/w:o?r%d+&$@127.0.0.1:1/0",
        "redis://r0:12/34@127.0.0.1:1/0",
        "redis://r0:12#34@127.0.0.1:1/0",
        "redis://r0:12?34@127.0.0.1:1/0",
        "redis://r0:12?34=more@127.0.0.1:1/0",
        "redis://127.0.0.1:1/0?password=pash&word=more",
        "redis://127.0.0.1:1/0?password=pash&word",
        "redis://r0:pash[word@127.0.0.1:1/0",
        "redis://r0:pash\u2100word@127.0.0.1:1/0",
        "redis://r0:pash@wo$rd:1/0",
    ],
)
async def test_no_piece_of_a_password_of_redis_is_taken_for_another_part(url: str) -> None:
    with pytest.raises(LogUnfit, match="percent-encode") as raised:
        await Log.reach(LogSettings(url=url), role="test")
    assert not any(piece in str(raised.value) for piece in ("pash", "word=", "more", "34", "s#s", "w:o", "r%d", "$"))
