"""A queued run that no live worker can take says which executor it waits for, and no longer once there is one."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from tests.integration.api.conftest import MakeRig
from tests.integration.api.limits.test_slow_reads import locked
from tests.integration.api.rig import JOBS, NOOP, RUNS, SLEEP, Rig, Worker
from tests.integration.worker import samples
from tests.integration.worker.shop import Shop
from waterclock.log.client import Log, LogSettings
from waterclock.log.clock import server_time
from waterclock.log.commands.aside import count_aside
from waterclock.log.commands.bodies import part
from waterclock.log.liveness import sessions
from waterclock.model.events import RunCancelled, RunDied, RunLost, RunSucceeded, WorkerLeft
from waterclock.model.ids import RunId
from waterclock.model.timestamps import stamp
from waterclock_api.validation import live_executors


@pytest.fixture(name="rig")
def rig_that_knows_executors(rig: MakeRig) -> MakeRig:
    """A worker had them once: what nobody ever announced is refused."""

    @asynccontextmanager
    async def made(**how: Any) -> AsyncGenerator[Rig]:
        async with rig(**how) as api:
            before = await api.worker(SLEEP, NOOP, name="before", announces=True)
            await before.leave()
            await api.caught_up()
            yield api

    return made


@pytest.fixture(autouse=True)
def nothing_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_executors, "FRESH_FOR", -1.0)


async def read_run(api: Rig, run_id: str) -> dict[str, Any]:
    response = await api.http.get(f"{RUNS}/{run_id}")
    assert response.status_code == 200, response.text
    return response.json()


async def waits(api: Rig, view: str = "full") -> dict[str, str | None]:
    """The executor that each listed run waits for."""
    await api.caught_up()
    listed = (await api.http.get(RUNS, params={"view": view})).json()["items"]
    return {one["id"]: one["waitsFor"] and one["waitsFor"]["executor"] for one in listed}


async def set_aside(log: Log, worker: Worker) -> int:
    assert await worker.claim() == []
    return sum(one.runs for one in (await count_aside(log, 0)).groups)


async def test_a_run_waits_for_an_executor_until_a_worker_joins_that_has_it(rig: MakeRig) -> None:
    async with rig() as api:
        sleeper = await api.worker(SLEEP, name="sleeper", announces=True)
        job = await api.create()
        waiting, other = await api.trigger(job["id"]), await api.ask(invokeTarget="demo:sleep")
        await api.caught_up()

        run = await read_run(api, waiting)

        assert run["waitsFor"] == {"executor": "demo.noop", "since": run["requestedAt"]}
        assert (run["status"], run["waitingOn"]) == ("queued", None)
        assert (await read_run(api, other))["waitsFor"] is None
        assert await waits(api) == {waiting: "demo.noop", other: None}
        detail = (await api.http.get(f"{JOBS}/{job['id']}/detail")).json()
        assert [one["waitsFor"] for one in detail["runs"]] == [run["waitsFor"]]
        [listed] = (await api.http.get(JOBS)).json()["items"]
        read = (await api.http.get(f"{JOBS}/{job['id']}")).json()
        assert [one["lastRun"]["waitsFor"] for one in (listed, read, detail["job"])] == [run["waitsFor"]] * 3

        assert [grant.run_id for grant in await sleeper.claim()] == [other]
        assert await set_aside(api.log, sleeper) == 1
        await api.caught_up()
        assert (await read_run(api, waiting))["waitsFor"] == run["waitsFor"]  # the same where it lies aside

        having = await api.worker(NOOP, name="having", announces=True)
        assert await waits(api) == {waiting: None, other: None}
        await having.succeed(await having.claim_one())
        await api.caught_up()
        assert (await read_run(api, waiting))["waitsFor"] is None
        assert (await api.http.get(JOBS)).json()["items"][0]["lastRun"]["waitsFor"] is None


async def test_the_answer_of_a_write_says_what_the_last_run_waits_for(rig: MakeRig) -> None:
    async with rig() as api:
        sleeper = await api.worker(SLEEP, name="sleeper", announces=True)
        job = await api.create()
        await api.trigger(job["id"])
        await api.caught_up()
        read = (await api.http.get(f"{JOBS}/{job['id']}")).json()
        assert read["lastRun"]["waitsFor"]["executor"] == "demo.noop"

        replaced = (await api.http.put(f"{JOBS}/{job['id']}", json=read | {"remark": "changed"})).json()
        disabled = (await api.http.put(f"{JOBS}/{job['id']}/status", json={"status": "1"})).json()

        assert [one["lastRun"] for one in (replaced, disabled)] == [read["lastRun"]] * 2
        assert (replaced["remark"], disabled["status"]) == ("changed", "1")
        await sleeper.leave()


async def test_a_write_is_answered_also_where_what_the_last_run_waits_for_cannot_be_read(rig: MakeRig) -> None:
    async with rig(read_timeout=0.3) as api:
        job = await api.create()
        await api.trigger(job["id"])
        await api.caught_up()

        async with locked(api, "workers"):
            disabled = await api.http.put(f"{JOBS}/{job['id']}/status", json={"status": "1"})

    assert (disabled.status_code, disabled.json()["status"]) == (200, "1")
    assert (disabled.json()["lastRun"]["status"], disabled.json()["lastRun"]["waitsFor"]) == ("queued", None)


async def test_it_waits_since_the_last_worker_left_that_had_the_executor(rig: MakeRig) -> None:
    async with rig() as api:
        having = await api.worker(SLEEP, announces=True)
        early = await api.ask(invokeTarget="demo:sleep")  # by its alias
        assert await waits(api) == {early: None}
        await having.leave()
        await api.caught_up()
        left = (await api.http.get("/v1/monitor/workers")).json()["items"]
        late = await api.ask(invokeTarget="demo:sleep")
        await api.caught_up()

        runs = [await read_run(api, run_id) for run_id in (early, late)]

        assert left[0]["leftAt"] > runs[0]["requestedAt"]
        assert [run["waitsFor"] for run in runs] == [
            {"executor": "demo:sleep", "since": left[0]["leftAt"]},
            {"executor": "demo:sleep", "since": runs[1]["requestedAt"]},
        ]


async def test_a_worker_of_another_queue_is_none_that_can_take_it(rig: MakeRig) -> None:
    async with rig() as api:
        await api.worker(NOOP, announces=True, queues=("critical", "low"))
        run_id, other = await api.ask(queue="default"), await api.ask(queue="low")
        assert await waits(api) == {run_id: "demo.noop", other: None}


async def test_beside_a_worker_that_does_not_say_what_it_can_run_nothing_is_told(rig: MakeRig) -> None:
    async with rig() as api:
        await api.worker(SLEEP, announces=True)
        before = await api.worker(SLEEP, name="of-the-release-before")
        run_id = await api.ask()
        assert await waits(api) == {run_id: None}
        await before.leave()
        assert await waits(api) == {run_id: "demo.noop"}


async def test_only_what_is_queued_waits_for_an_executor(rig: MakeRig) -> None:
    async with rig() as api:
        job = await api.create(concurrent="1")
        first = await api.trigger(job["id"])
        behind = await api.trigger(job["id"], overlapPolicy="buffer_one")
        later = await api.ask(delay=3600)
        assert await waits(api) == {first: "demo.noop", behind: None, later: None}
        assert (await read_run(api, behind))["waitingOn"] == first
        await api.http.post(f"{RUNS}/{first}/cancel")
        assert await waits(api) == {first: None, behind: "demo.noop", later: None}


async def test_a_run_whose_time_has_come_waits_since_then(rig: MakeRig) -> None:
    async with rig() as api:
        run_id = await api.ask(delay=0.05)
        async with asyncio.timeout(10):
            while (run := await read_run(api, run_id))["status"] != "queued":
                continue
        now = await server_time(api.log, api.log.keys.partition(0, "events"))
    assert run["waitsFor"]["executor"] == "demo.noop"
    assert run["readyAt"] <= run["waitsFor"]["since"] <= stamp(now)  # a little later where it was moved before


async def test_many_runs_ask_the_log_as_often_as_there_are_partitions(
    rig: MakeRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_executors, "FRESH_FOR", 3600.0)
    async with rig(partitions=2) as api:
        asked: Counter[str] = Counter()
        execute = api.log.execute

        async def counted(key: str, *words: Any, **how: Any) -> Any:
            asked[str(words[0])] += 1
            return await execute(key, *words, **how)

        monkeypatch.setattr(api.log, "execute", counted)
        runs = {await api.ask() for _ in range(30)}
        for partition in (0, 1):
            await api.caught_up(partition)
        for _ in range(3):
            assert set(await waits(api)) == runs
        told = Counter({word: asked[word] for word in ("HGETALL", "ZRANGE", "HMGET")})
        assert told == {"HGETALL": 2, "ZRANGE": 2, "HMGET": 6}
        monkeypatch.setattr(live_executors, "FRESH_FOR", -1.0)
        assert (await api.http.get(RUNS, params={"status": "running"})).json()["items"] == []
        assert Counter({word: asked[word] for word in told}) == told


async def test_where_the_log_does_not_answer_runs_are_told_without_it(
    rig: MakeRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with rig() as api:
        run_id = await api.ask()
        await api.caught_up()
        assert await waits(api) == await waits(api, "brief") == {run_id: "demo.noop"}

        async def hangs(*_: Any, **__: Any) -> Any:
            await asyncio.Event().wait()

        monkeypatch.setattr(live_executors, "PATIENCE", 0.0)
        monkeypatch.setattr(api.log, "execute", hangs)
        listed = (await api.http.get(RUNS)).json()["items"]
        assert [(one["status"], one["waitsFor"]) for one in listed] == [("queued", None)]


async def test_who_asks_for_a_run_is_told_that_no_worker_can_take_it(rig: MakeRig) -> None:
    def notes(answer: httpx.Response) -> list[str]:
        assert answer.status_code == 202, answer.text
        return [note["message"] for note in answer.json()["notes"]]

    async with rig() as api:
        await api.worker(SLEEP, name="sleeper", announces=True)
        having = await api.worker(NOOP, name="having", announces=True)
        job = await api.create(concurrent="0")
        trigger, noop = f"{JOBS}/{job['id']}/trigger", {"invokeTarget": "demo.noop"}
        assert notes(await api.http.post(trigger)) == []
        low = "no live worker of queue low has the executor demo.noop: its runs wait for one"
        assert notes(await api.http.post(trigger, json={"queue": "low", "params": {}})) == [low]
        ended = await having.claim()
        for grant in ended:
            await having.succeed(grant)
        await having.leave()
        await api.caught_up()

        said = [low.replace("low", "default")]
        key = {"Idempotency-Key": "once"}
        assert notes(await api.http.post(trigger, headers=key)) == said
        assert notes(await api.http.post(trigger, headers=key)) == said  # again
        assert notes(await api.http.post(RUNS, json=noop)) == said
        assert notes(await api.http.post(f"{RUNS}/{ended[0].run_id}/retry")) == said
        assert notes(await api.http.post(f"{RUNS}/{ended[0].run_id}/retry", json={"queue": "low"})) == [low]
        assert notes(await api.http.post(RUNS, json={"invokeTarget": "demo.sleep"})) == []


async def test_a_run_that_blocks_its_job_is_said_to_wait_for_an_executor(rig: MakeRig) -> None:
    async with rig() as api:
        job = await api.create(concurrent="1")
        first = await api.trigger(job["id"])
        blocked = await api.http.post(f"{JOBS}/{job['id']}/trigger")
        said = f"The job may not overlap, and its run {first} is not finished"
        waits = f"{said}: it waits for a worker with the executor demo.noop."
        assert (blocked.status_code, blocked.json()["detail"]) == (409, waits)

        having = await api.worker(NOOP, announces=True)
        assert (await api.http.post(f"{JOBS}/{job['id']}/trigger")).json()["detail"] == f"{said}."
        await having.succeed(await having.claim_one())


async def test_a_worker_that_was_killed_has_its_executors_until_it_is_found_dead(rig: MakeRig) -> None:
    async with rig() as api:
        killed = await api.worker(NOOP, name="killed", announces=True)
        run_id = await api.ask()
        assert await waits(api) == {run_id: None}
        await sessions.sweep(
            api.log,
            0,
            session=killed.session,
            number=0,
            body_left=part(WorkerLeft, session=killed.session, reason="lost"),
            body_lost=part(RunLost, reason="leaseExpired"),
            body_died=part(RunDied, reason="leaseExpired"),
            body_cancelled=part(RunCancelled),
        )
        assert await waits(api) == {run_id: "demo.noop"}
        workers = (await api.http.get("/v1/monitor/workers")).json()["items"]
        [found_dead] = [one["leftAt"] for one in workers if one["name"] == "killed"]
        assert (await read_run(api, run_id))["waitsFor"]["since"] == found_dead


async def test_what_real_workers_have_is_told_as_they_come_and_go(rig: MakeRig) -> None:
    async with rig() as api:
        settings = LogSettings(url=api.redis_url, prefix=api.log.keys.prefix)
        shop = Shop(await Log.connect(settings, role="test"), settings)
        try:
            async with shop.worker(samples.raises, worker_name="lacking"):
                async with shop.worker(samples.echo, worker_name="having"):
                    job = await api.create(invokeTarget="t.echo", invokeParams={"text": "hello"})
                run_id = RunId(await api.trigger(job["id"]))
                await api.caught_up()
                run = await read_run(api, run_id)
                assert run["waitsFor"] == {"executor": "t.echo", "since": run["requestedAt"]}
                async with shop.worker(samples.echo, worker_name="having"):
                    await shop.event(RunSucceeded, run_id)
                    await api.caught_up()
                    run = await read_run(api, run_id)
                    assert (run["status"], run["attempt"], run["worker"]) == ("succeeded", 1, "having")
                    assert run["waitsFor"] is None
        finally:
            await shop.close()
