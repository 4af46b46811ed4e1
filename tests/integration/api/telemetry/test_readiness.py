"""What is said of a log and an archive that do not fit, of clocks that differ, and of a log that takes no writes."""

from __future__ import annotations

import re

import psycopg
import pytest

from tests.integration.api.conftest import MakeRig
from tests.integration.api.rig import JOB, JOBS, Rig, assembled_rig, projected
from tests.integration.api.routes.test_requests import Wrong
from tests.integration.test_doctor import asked
from tests.support.servers import OwnValkey
from waterclock.kit.telemetry import metrics
from waterclock.log.clock import server_time
from waterclock.log.liveness.lag import lag
from waterclock.log.tail import tail_of
from waterclock.model.positions import Position
from waterclock.model.timestamps import stamp
from waterclock_api.consistency.lag import places_of_all

HOUR = 3_600_000


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """Metrics are looked for anew whenever they are asked for."""
    monkeypatch.setattr(metrics, "FRESH_S", 0)


async def checks(api: Rig, status: int = 200) -> dict[str, str]:
    """What `/readyz` says, by check."""
    answer = await api.http.get("/readyz")
    assert answer.status_code == status, answer.text
    if status == 200:
        return answer.json()["checks"]
    return {error["pointer"]: error["message"] for error in answer.json()["errors"]}


async def measured(api: Rig, series: str) -> float:
    found = re.search(rf"^{re.escape(series)} (.+)$", (await api.http.get("/metrics")).text, re.MULTILINE)
    assert found is not None, series
    return float(found[1])


async def archived(api: Rig) -> Position:
    async with api.parts.reading() as connection:
        found = (await places_of_all(connection, 1))[0]
    assert found is not None
    return found


async def test_which_of_log_and_archive_is_ahead_is_said_and_what_to_do(
    own_valkey: OwnValkey, key_prefix: str, migrated_postgres_url: str
) -> None:
    server = await own_valkey()
    place = (server.url, key_prefix, migrated_postgres_url)
    async with assembled_rig(server.url, migrated_postgres_url, key_prefix, projecting=False) as api:
        events, meta = (api.log.keys.partition(0, name) for name in ("events", "meta"))
        async with projected(server.url, migrated_postgres_url, key_prefix):
            await api.caught_up()
        archive = await archived(api)
        assert (await checks(api))["projection"] == "ok"
        for name in ("one", "two"):
            created = await api.http.post(
                f"{JOBS}?allowUnknownExecutor=true", json=JOB | {"jobName": name}, headers={"Prefer": "respond-async"}
            )
            assert created.status_code == 202
        assert (await checks(api))["projection"].startswith("2 events behind")

        end = await tail_of(api.log, 0)
        assert end is not None
        await api.log.execute(events, "XTRIM", events, "MINID", end.entry)
        said = (
            f"partition 0: the event log is ahead. The archive ends at {archive}, and the stream lacks everything up to"
            f" 0-{end.epoch}-{end.seq - 1}: 1 entries are in neither"
        )
        assert (await checks(api))["projection"] == said
        _, troubles, out = await asked(*place)
        assert (troubles["log and archive"], "--accept-loss" in out) == (f"problem: {said}", True), out
        assert "projection" not in troubles

        await api.log.execute(events, "DEL", events)
        said = f"partition 0: the archive is ahead. It ends at {archive}, and the stream is empty"
        assert (await checks(api))["projection"] == said
        assert (await lag(api.log, 0, archive)).ahead == archive.seq
        assert await measured(api, 'waterclock_archive_ahead_events{partition="0"}') == archive.seq
        _, troubles, out = await asked(*place)
        lost = f"problem: {said}: the stream lost {archive.seq} entries"
        assert (troubles["log and archive"], "waterclock reconcile" in out) == (lost, True), out

        await api.log.execute(meta, "HSET", meta, "run_id", "of a process that is gone")
        unready = (await checks(api, 503))["redis"]
        assert unready == f"partition 0 waits for a projector to open it on this Redis server; {said}"


@pytest.mark.parametrize("by_ms", [HOUR, -HOUR])
async def test_a_clock_that_is_off_is_said_with_whose_it_is(rig: MakeRig, by_ms: int) -> None:
    async with rig(clock=Wrong(by_ms)) as api:
        meta = api.log.keys.partition(0, "meta")
        way = "ahead of" if by_ms > 0 else "behind"
        ours = rf"this process's clock is 36\d\d\.\d s {way} the log's clock and Postgres'"
        assert re.fullmatch(ours, (await checks(api))["clocks"])
        assert abs(await measured(api, 'waterclock_log_clock_offset_seconds{server="0"}') + by_ms / 1000) < 100
        assert await measured(api, 'waterclock_partition_clock_ahead_seconds{partition="0"}') == 0

        await api.log.execute(meta, "HSET", meta, "clock", await server_time(api.log, meta) + HOUR)
        said = (await checks(api))["clocks"]
        assert "partition 0 is 36" in said or "partition 0 is 35" in said
        assert re.search(rf"which was set back: nothing is due until then .*; {ours}$", said)
        assert await measured(api, 'waterclock_partition_clock_ahead_seconds{partition="0"}') > HOUR / 1000 - 100


async def test_the_next_instant_of_a_silent_job_is_the_first_that_will_fire(rig: MakeRig) -> None:
    """As the marks are after the log's clock was an hour ahead, and was set back."""
    async with rig() as api:
        await api.worker()
        job = await api.create(cronExpression="@every 10m")
        await api.caught_up()
        marks = api.log.keys.partition(0, "marks")
        mark = await server_time(api.log, marks) + HOUR
        await api.log.execute(marks, "HSET", marks, job["id"], mark)
        async with await psycopg.AsyncConnection.connect(api.postgres_url, autocommit=True) as connection:
            await connection.execute("UPDATE jobs SET mark = to_timestamp(%s / 1000.0)", [mark])
        detail = (await api.http.get(f"{JOBS}/{job['id']}/detail")).json()
        changed = await api.http.put(f"{JOBS}/{job['id']}/status", json={"status": "0"})
        for found in (
            (await api.http.get(f"{JOBS}/{job['id']}")).json()["nextFireAt"],
            (await api.http.get(JOBS)).json()["items"][0]["nextFireAt"],
            detail["job"]["nextFireAt"],
            detail["nextFires"][0],
            changed.json()["nextFireAt"],
        ):
            assert stamp(mark) < found <= stamp(mark + 600_000)


async def test_a_log_that_takes_no_writes_is_told_as_that_and_the_rest_is_looked_at(
    own_valkey: OwnValkey, key_prefix: str, migrated_postgres_url: str
) -> None:
    server = await own_valkey()
    place = (server.url, key_prefix, migrated_postgres_url)
    async with assembled_rig(server.url, migrated_postgres_url, key_prefix) as api:
        up, takes = 'waterclock_store_up{store="log"}', 'waterclock_log_writable{server="0"}'
        assert (await measured(api, up), await measured(api, takes)) == (1, 1)
        await api.log.execute("", "CONFIG", "SET", "min-replicas-to-write", "1")
        assert (await measured(api, up), await measured(api, takes)) == (1, 0)
        assert "NOREPLICAS" in (await checks(api, 503))["redis"]
        _, troubles, out = await asked(*place)
        assert "NOREPLICAS" in troubles["writes"]
        assert "examination" not in troubles, out
        assert "timeouts: no run executes past" in out

        await api.log.execute("", "CONFIG", "SET", "min-replicas-to-write", "0")
        await api.log.execute("", "CONFIG", "SET", "maxmemory", "1")
        assert await measured(api, takes) == 0
        assert "New writes are refused" in (await asked(*place))[1]["writes"]
        await api.log.execute("", "CONFIG", "SET", "maxmemory", "0")
        assert await measured(api, takes) == 1
        assert "writes" not in (await asked(*place))[1]
