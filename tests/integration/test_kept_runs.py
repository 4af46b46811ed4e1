"""For how long a store keeps ended runs: as its own `migrate` wrote it, and for ever in one of the release before."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest

from tests.fault.test_upgrade import stores
from tests.support.entrance import entrance
from tests.support.rollout import rolling
from waterclock.store.connection.pool import open_pool
from waterclock_api.operator.diagnostics import retention
from waterclock_api.operator.diagnostics.retention import of_runs, size

READ = "SELECT what, age FROM retention"


async def found(postgres_url: str, **environment: str) -> tuple[str, str]:
    """What `doctor` says."""
    async with await open_pool(postgres_url, name="doctor", max_size=1) as pool, pool.connection() as connection:
        ((level, said),) = [(one.level, one.said) async for one in of_runs(connection, environment)]
        return level, said


@pytest.mark.timeout(180)
async def test_a_store_without_a_default_keeps_all_and_one_of_the_release_before_90_days(
    redis_url: str, key_prefix: str, postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = stores(redis_url, key_prefix, postgres_url)
    async with entrance() as place, rolling(tmp_path, ours, place) as rollout:
        await rollout.migrate("previous")
        with psycopg.connect(postgres_url, autocommit=True) as connection:
            assert connection.execute(READ).fetchall() == [("runs", "90d")]
            connection.execute("DELETE FROM retention")  # as stores are that were made before there was a default
        await rollout.migrate("present")
        await rollout.migrate("present")
    with psycopg.connect(postgres_url) as connection:
        assert connection.execute(READ).fetchall() == []
    level, said = await found(postgres_url)
    assert (level, said.partition(":")[0]) == ("ok", "kept forever")
    assert said.startswith("kept forever: 0 run(s) in ")
    assert said.endswith("; 0 ended in the last day, about 0 bytes")
    monkeypatch.setattr(retention, "LARGE", 1)
    assert (await found(postgres_url))[0] == "warning"
    assert await found(postgres_url, WATERCLOCK_KEEP_RUNS="30d,failed=forever") == (
        "ok",
        "kept for 30d,failed=forever, by WATERCLOCK_KEEP_RUNS here",
    )


@pytest.mark.timeout(120)
async def test_migrate_says_what_it_writes_into_a_new_store(
    redis_url: str, key_prefix: str, postgres_url: str, tmp_path: Path
) -> None:
    async with entrance() as place, rolling(tmp_path, stores(redis_url, key_prefix, postgres_url), place) as rollout:
        await rollout.migrate("present")
        await rollout.migrate("present")
    with psycopg.connect(postgres_url) as connection:
        assert connection.execute(READ).fetchall() == [("runs", "90d")]
    said = (tmp_path / "output.log").read_text()
    assert said.count("Ended runs are kept for 90d; WATERCLOCK_KEEP_RUNS of the projectors overrides it.") == 1
    level, told = await found(postgres_url)
    assert (level, told.startswith("kept for 90d, the default of this installation")) == ("ok", True)


@pytest.mark.parametrize(
    ("count", "said"), [(0, "0 bytes"), (1536, "1.5 KiB"), (20 << 20, "20 MiB"), (3 << 40, "3.0 TiB")]
)
def test_sizes_are_told_in_their_largest_unit(count: int, said: str) -> None:
    assert size(count) == said
