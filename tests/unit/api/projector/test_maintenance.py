"""What the settings of retention say."""

from datetime import timedelta
from types import SimpleNamespace
from typing import cast

import pytest

from waterclock.kit.settings import SettingsError
from waterclock.log.client import Log
from waterclock.store.connection.pool import Connection
from waterclock.store.retention import ENDED, Keep
from waterclock.wire.keys import Keys
from waterclock_api.projector import maintenance
from waterclock_api.projector.maintenance import agreed_time, kept


def test_without_a_word_everything_is_kept() -> None:
    assert (kept(None, ()).events, dict(kept(None, ()).runs)) == (None, {})


def test_where_the_setting_says_nothing_the_store_has_the_say() -> None:
    assert [kept(None, runs).by_store for runs in ((), ("forever",), ("30d",))] == [True, False, False]
    assert kept("forever", ("forever", "failed=90d")) == Keep(runs={"failed": timedelta(days=90)})


def test_a_status_that_is_named_has_its_own_age() -> None:
    keep = kept("365d", ("failed=90d", "30d", "died=72h"))
    assert keep.events == timedelta(days=365)
    assert keep.runs == {
        **dict.fromkeys(ENDED, timedelta(days=30)),
        "failed": timedelta(days=90),
        "died": timedelta(days=3),
    }


@pytest.mark.parametrize(
    ("events", "runs", "named"),
    [("1d", (), "EVENTS"), ("90", (), "EVENTS"), (None, ("x=9d",), "RUNS"), (None, ("running=9d",), "RUNS")],
)
def test_what_cannot_be_is_refused_by_name(events: str | None, runs: tuple[str, ...], named: str) -> None:
    with pytest.raises(SettingsError, match=f"WATERCLOCK_KEEP_{named}"):
        kept(events, runs)


@pytest.mark.parametrize(
    ("servers", "postgres", "agreed"),
    [((50, 40), 60, 40), ((50, 40), 30, 30), ((10**12, 10**12), 30, 30), ((30, 10**12), 10**12, 30)],
)
async def test_what_is_too_old_is_so_by_the_clocks_of_all_stores(
    monkeypatch: pytest.MonkeyPatch, servers: tuple[int, int], postgres: int, agreed: int
) -> None:
    keys = Keys("wc")
    clocks = {keys.partition(number, "meta"): ms for number, ms in enumerate(servers)}

    async def server_time(_: object, key: str) -> int:
        return clocks[key]

    async def postgres_time(_: object) -> int:
        return postgres

    monkeypatch.setattr(maintenance, "server_time", server_time)
    monkeypatch.setattr(maintenance, "postgres_time", postgres_time)
    log = cast("Log", SimpleNamespace(keys=keys, partitions=len(servers)))
    assert await agreed_time(log, cast("Connection", None)) == agreed
