"""Workers that an operator drains over HTTP: real processes, until they have left."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest
from redis.asyncio import Redis

from tests.integration.api.conftest import MakeRig
from tests.integration.api.rig import JOBS, RUNS, Rig, assembled_rig
from tests.integration.worker.shop import Process, Shop
from tests.support.servers import OwnValkey
from waterclock.log.client import Log, LogSettings
from waterclock.log.control import Control, say
from waterclock.log.liveness import sessions
from waterclock.model.events import RunStarted, WorkerLeft

WORKERS = "/v1/monitor/workers"


@asynccontextmanager
async def worker(api: Rig, **environment: str) -> AsyncGenerator[tuple[Process, Shop]]:
    """A worker named `p` as a process, which is ready; and its log."""
    settings = LogSettings(url=api.redis_url, prefix=api.log.keys.prefix)
    shop = Shop(await Log.connect(settings, role="test"), settings)
    process = await Process.start(shop, **environment)
    try:
        await process.says("ready")
        await api.caught_up()
        yield process, shop
    finally:
        await process.kill()
        await shop.close()


async def test_a_worker_that_is_drained_ends_what_it_can_hands_back_the_rest_and_leaves(
    rig: MakeRig, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "waterclock_api.routes.fleet.workers")
    async with rig() as api, worker(api, WATERCLOCK_DRAIN_TIMEOUT="5") as (process, shop):
        short, long = [await _sleep(api, seconds) for seconds in (1, 600)]
        for run in (short, long):
            await shop.event(RunStarted, cast("Any", run))
        asked = await api.http.post(f"{WORKERS}/p/drain", json={"reason": "a new kernel"})
        assert asked.status_code == 202, asked.text
        [told] = asked.json()["items"]
        assert (told["name"], told["status"]) == ("p", "live")
        late = await _sleep(api, 0)
        assert await process.ended() == 0
        left = await shop.event(WorkerLeft)
        assert (left.session, left.reason) == (told["id"], "drained")
        await api.caught_up()
        ends = {run: (await api.http.get(f"{RUNS}/{run}")).json() for run in (short, long, late)}
        assert [(ends[run]["status"], ends[run]["attempt"]) for run in (short, long)] == [
            ("succeeded", 1),
            ("queued", 1),
        ]
        assert [one["outcome"] for one in ends[long]["attempts"]] == ["returned"]
        assert (ends[late]["status"], ends[late]["attempt"]) == ("queued", 0)
        [line] = [record.__dict__ for record in caplog.records if record.message == "drain requested"]
        assert (line["worker"], line["session"], line["reason"]) == ("p", told["id"], "a new kernel")
        assert "anonymous@" in line["by"]
        assert f"by={line['by']}" in "".join(process.output)
        assert [one["status"] for one in (await api.http.get(WORKERS)).json()["items"]] == ["left"]
        assert (await api.http.post(f"{WORKERS}/p/drain")).status_code == 404


async def test_to_drain_twice_is_harmless_and_the_next_of_that_name_is_not_concerned(rig: MakeRig) -> None:
    async with rig(partitions=2) as api:
        async with worker(api) as (process, shop):
            run = await _sleep(api, 600)
            await shop.event(RunStarted, cast("Any", run))
            [told] = (await api.http.post(f"{WORKERS}/p/drain")).json()["items"]
            await process.says("draining")
            for name in ("p", told["id"]):
                again = await api.http.post(f"{WORKERS}/{name}/drain")
                assert (again.status_code, [one["id"] for one in again.json()["items"]]) == (202, [told["id"]])
            await api.http.post(f"{RUNS}/{run}/cancel")
            assert await process.ended() == 0
        async with worker(api) as (process, shop):
            await api.caught_up()
            assert (await api.http.post(f"{WORKERS}/{told['id']}/drain")).status_code == 404
            await say(api.log, Control(say="drain", worker=told["id"], by="an old word"))
            run = await _sleep(api, 0)
            await shop.event(RunStarted, cast("Any", run))
            [next_] = (await api.http.post(f"{WORKERS}/p/drain")).json()["items"]
            assert next_["id"] != told["id"]
            assert await process.ended() == 0
            assert "an old word" not in "".join(process.output)


async def test_all_processes_of_a_name_are_drained_and_one_by_its_id(rig: MakeRig) -> None:
    async with rig() as api, worker(api) as (first, _), worker(api) as (second, _):
        both = {one["id"] for one in (await api.http.get(WORKERS)).json()["items"]}
        assert len(both) == 2
        [one] = (await api.http.post(f"{WORKERS}/{min(both)}/drain")).json()["items"]
        assert one["id"] == min(both)
        codes: list[int] = []
        for process in (first, second):
            asked = await api.http.post(f"{WORKERS}/p/drain")
            assert asked.status_code in (202, 404), asked.text  # the one may have left
            codes.append(await process.ended())
        assert codes == [0, 0]


async def test_who_is_not_there_cannot_be_drained(rig: MakeRig) -> None:
    async with rig() as api:
        lost = await api.worker(name="lost")
        await sessions.leave(api.log, lost.session, body=None)  # as where the log has forgotten a session
        await api.caught_up()
        for name in ("lost", lost.session, "nobody", "%00", "a%2Fb"):
            refused = await api.http.post(f"{WORKERS}/{name}/drain")
            assert (refused.status_code, refused.json()["type"]) == (404, "/problems#not-found"), name
        assert "lost" in (await api.http.post(f"{WORKERS}/lost/drain")).json()["detail"]
        await api.worker(name="here")
        await api.caught_up()
        refused = await api.http.post(f"{WORKERS}/here/drain", json={"reason": 7})
        assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/reason")
        refused = await api.http.post(f"{WORKERS}/here/drain", json={"why": "?"})
        assert refused.status_code == 422
        key = api.log.keys.control
        assert await api.log.execute(key, "XLEN", key) == 0


async def test_an_api_whose_user_may_not_speak_says_so_and_goes_on(
    own_valkey: OwnValkey, store_url: str, key_prefix: str, caplog: pytest.LogCaptureFixture
) -> None:
    """As where the users of the release before are still in force."""
    server = await own_valkey()
    async with (
        assembled_rig(server.url, store_url, key_prefix) as api,
        Redis.from_url(server.url) as admin,  # pyright: ignore[reportUnknownMemberType]
    ):
        await api.worker(name="w")
        await api.caught_up()
        command = cast("Callable[..., Any]", admin.execute_command)  # pyright: ignore[reportUnknownMemberType]
        await command("ACL", "SETUSER", "default", "resetkeys", f"~{{{key_prefix}:[0-9]*", f"~{{{key_prefix}:names}}:*")
        refused = await api.http.post(f"{WORKERS}/w/drain")
        assert (refused.status_code, refused.json()["type"]) == (500, "/problems#log-not-permitted")
        assert "users.acl" in refused.json()["detail"]
        assert (await api.http.post(JOBS, json={"jobName": "goes on", "invokeTarget": "demo.noop"})).status_code == 201
        [line] = [record.__dict__ for record in caplog.records if record.message == "redis refuses access"]
        assert "XADD" in line["error"]


async def _sleep(api: Rig, seconds: float) -> str:
    return await api.ask(invokeTarget="demo.sleep", params={"seconds": seconds})
