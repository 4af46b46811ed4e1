"""The breaker disables a job that fails on, by the API, and is told as what did it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.integration.api.conftest import kept_database, rig, store_url
from tests.integration.api.rig import JOBS, Rig, Worker, served
from tests.integration.notifier.test_notifier import Receiver, notifying, until, written
from tests.integration.scheduler.stage import scheduling
from tests.integration.stage import Stage
from waterclock.client.http import AsyncClient
from waterclock.model.ids import JobId
from waterclock.model.notices.facts import Trouble
from waterclock.model.notices.notice import Trip
from waterclock.store.connection.pool import open_pool
from waterclock.store.notices import facts, outbox
from waterclock.store.notices.presence import Presence
from waterclock_api.notifier.breaker import Breaker
from waterclock_dev.servers.ports import free_port

__all__ = ["kept_database", "rig", "store_url"]
WITHIN = 20.0
RULES = """
channels:
  ops: {webhook: "https://ops.example/hook", secret: "env:OPS_SECRET"}
rules:
  - {name: all, on: [failed, disabled], channels: [ops]}
"""


@asynccontextmanager
async def staged(api: Rig) -> AsyncGenerator[Stage]:
    async with await open_pool(api.postgres_url, name="notifier", max_size=4) as pool:
        yield Stage(api.log, pool, api.redis_url)


async def fails(worker: Worker, until_set: asyncio.Event) -> None:
    """A worker whose runs all fail."""
    while not until_set.is_set():
        for grant in await worker.claim():
            await worker.fail(grant, "no such table")
        await asyncio.sleep(0.05)


async def test_a_job_is_disabled_after_so_many_failures_and_told_as_disabled(rig: Any, tmp_path: Path) -> None:
    receiver, over = Receiver(), asyncio.Event()
    async with rig(keyed=True) as api, served(api) as url, staged(api) as stage:
        key = await api.key("changeStatus", name="breaker")
        async with (
            AsyncClient(url, key=key, patience=0) as client,
            notifying(stage, written(tmp_path, RULES), receiver, api=client),
            scheduling(api.log),
            asyncio.TaskGroup() as tasks,
        ):
            tasks.create_task(fails(await api.worker(), over))
            job = await api.create(cronExpression="* * * * * *", promise={"disableAfter": 3})
            await until(lambda: receiver.kinds == ["failed", "disabled"], within=WITHIN, what="both notices")
            over.set()
        await api.caught_up()
        assert (await api.http.get(f"{JOBS}/{job['id']}")).json()["status"] == "1"
        [event] = (await api.http.get(f"/v1/monitor/events?jobId={job['id']}&type=job.disabled")).json()["items"]
        assert event["actor"].startswith("key:breaker@")
        assert event["reason"] == "3 scheduled runs in a row failed (disableAfter)"
        assert await stage.rows("SELECT state, failures, said FROM notice_trips") == [("done", 0, None)]


@asynccontextmanager
async def tripped(
    stage: Stage, client: AsyncClient | None, job: dict[str, Any], *, version: int, scheduled: int = 3
) -> AsyncGenerator[None]:
    """The breaker at work, with one job that it is to disable, which has failed so often since."""
    job_id = JobId(job["id"])
    trip = Trip(id="trip", job=job_id, version=version, failures=3, position="0-1-1", at=1)
    async with stage.pool.connection() as connection:
        await connection.execute(b"DELETE FROM notice_trips")
        trouble = Trouble(job=job_id, bad=scheduled, since=1, scheduled=scheduled)
        await facts.write(connection, {trouble.key: trouble}, partitions=1)
        await outbox.record(connection, [], [trip])
    stop = asyncio.Event()
    async with asyncio.timeout(WITHIN), asyncio.TaskGroup() as tasks:
        tasks.create_task(Breaker(stage.pool, client, lambda: True, Presence()).run(stop))
        try:
            yield
        finally:
            stop.set()


async def settled(stage: Stage, state: str, said: str | None) -> None:
    async def found() -> bool:
        return await stage.rows("SELECT state, said FROM notice_trips") == [(state, said)]

    await until(found, within=WITHIN, what=f"{state}: {said}")


async def is_enabled(api: Rig, job: dict[str, Any]) -> bool:
    await api.caught_up()
    return (await api.http.get(f"{JOBS}/{job['id']}")).json()["status"] == "0"


async def test_a_job_that_was_changed_deleted_or_has_recovered_is_left(rig: Any) -> None:
    async with rig(keyed=True) as api, served(api) as url, staged(api) as stage:
        key = await api.key("changeStatus", name="breaker")
        async with AsyncClient(url, key=key, patience=0) as client:
            await api.worker()
            job = await api.create()
            async with tripped(stage, client, job, version=job["version"] + 1):
                await settled(stage, "refused", "the job was changed")
            async with tripped(stage, client, job, version=job["version"], scheduled=2):
                await settled(stage, "refused", "it has not failed on")
            assert await is_enabled(api, job)
            await api.http.delete(f"{JOBS}/{job['id']}")
            async with tripped(stage, client, job, version=job["version"]):
                await settled(stage, "refused", "the job is deleted")


async def test_what_keeps_the_breaker_from_disabling_is_said(rig: Any, caplog: pytest.LogCaptureFixture) -> None:
    async with rig() as api, served(api) as url, staged(api) as stage:
        await api.worker()
        job = await api.create()
        async with tripped(stage, None, job, version=job["version"]):
            await settled(stage, "waiting", "the notifier has no API key: set WATERCLOCK_API_KEY")
        async with AsyncClient(url, patience=0) as client, tripped(stage, client, job, version=job["version"]):
            said = "the API asks for no credentials, so that the breaker could not be told from others"
            await settled(stage, "waiting", said)
        key = await api.key("list", name="breaker")
        async with AsyncClient(url, key=key, patience=0) as client, tripped(stage, client, job, version=job["version"]):

            async def refused() -> bool:
                [(state, said)] = await stage.rows("SELECT state, said FROM notice_trips")
                return state == "waiting" and "changeStatus" in (said or "")

            await until(refused, within=WITHIN, what="the refusal")
    assert "job not disabled yet" in caplog.text


async def test_an_api_that_is_away_is_asked_again(rig: Any) -> None:
    async with rig(keyed=True) as api, staged(api) as stage:
        key, port = await api.key("changeStatus", name="breaker"), free_port()
        await api.worker()
        job = await api.create()
        async with (
            AsyncClient(f"http://127.0.0.1:{port}", key=key, patience=0) as client,
            tripped(stage, client, job, version=job["version"]),
        ):

            async def put_off() -> bool:
                return await stage.rows("SELECT failures > 0 FROM notice_trips") == [(True,)]

            await until(put_off, within=WITHIN, what="a first try")
            async with served(api, port):
                await stage.rows("UPDATE notice_trips SET due_at = now() RETURNING 1")
                await settled(stage, "done", None)
