"""A store with entries that nobody can read, of every type: whoever reads passes them, other runs go on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterable
from contextlib import asynccontextmanager
from typing import Any

import psycopg
import pytest

from tests.integration.api.conftest import MakeRig
from tests.integration.api.rig import JOBS, QUEUES, RUNS, Rig, Worker, projected, served
from tests.integration.api.sse import stream
from tests.integration.stage import eventually
from tests.support import poison
from waterclock.client import endpoints
from waterclock.client.http import AsyncClient
from waterclock.kit.clock import SystemClock
from waterclock.log.client import Log, LogSettings
from waterclock.log.commands.attempts import Grant, RunEnding, end
from waterclock.log.commands.bodies import body_of
from waterclock.log.tail import tail_of
from waterclock.model.events import ResultRefused
from waterclock.model.outcomes import RunStatus
from waterclock.store.connection.pool import connect_anew, open_pool
from waterclock.store.readmodels.rebuild import compare
from waterclock.store.readmodels.wait_for_position import wait_for
from waterclock_api.consistency.settle_runs import Settled, settle_lost
from waterclock_api.operator.diagnostics import checks
from waterclock_api.operator.reconcile import Reconcile
from waterclock_api.operator.restore import Restore
from waterclock_api.projector import follow

WITHIN = 15.0  # s, for each reader; 5 s on a machine that does nothing else
PATIENCE = 60.0  # s, for the projector: what is planted stands in one batch, which it splits
ENDS: tuple[RunStatus, ...] = ("succeeded", "failed", "timedOut", "cancelled", "died")
TELLING = {  # the rest of an end that tells whose it is, and which attempt
    "no JSON": b',"result":{not json}',
    "open": b',"result":' + b"[" * 20_000 + b"}",
    "half of a surrogate": b',"error":{"type":"\\ud800"}}',
    "another shape": b',"reason":7,"outcome":7,"error":"text","fence":"x"}',
}


@asynccontextmanager
async def in_time() -> AsyncGenerator[None]:
    async with asyncio.timeout(WITHIN):
        yield


async def end_past_all_checks(api: Rig, grant: Grant, status: RunStatus, body: bytes) -> None:
    refused = ResultRefused(run_id=grant.run_id, attempt=grant.attempt, fence=grant.fence, outcome="lost")
    ending = RunEnding(
        run_id=grant.run_id,
        attempt=grant.attempt,
        fence=grant.fence,
        body=body.decode(),
        ended=status,
        body_refused=body_of(refused),
    )
    assert await end(api.log, 0, [ending]) == ["done"]


def body_of_end(grant: Grant, status: RunStatus, rest: bytes, *, attempt: str = "") -> bytes:
    named = f'{{"type":"run.{status}","runId":"{grant.run_id}","jobId":"{grant.job_id}"'
    return named.encode() + f',"attempt":{attempt or grant.attempt}'.encode() + rest


async def begun(api: Rig, worker: Worker, job_id: str) -> Grant:
    await api.trigger(job_id)
    grant = await worker.claim_one()
    await worker.step(grant, "a step", "a line")
    return grant


async def told(api: Rig, run_id: str) -> dict[str, Any]:
    answer = await api.http.get(f"{RUNS}/{run_id}")
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_a_run_whose_end_nobody_can_read_has_the_ending_of_its_tag(rig: MakeRig) -> None:
    async with rig() as api, served(api) as url:
        worker = await api.worker()
        job_id = (await api.create(concurrent="0"))["id"]
        ended: dict[str, RunStatus] = {}
        rests = [*TELLING.values()]
        for number, status in enumerate(ENDS):
            for rest in (rests[number % 4], rests[(number + 2) % 4]):
                grant = await begun(api, worker, job_id)
                await end_past_all_checks(api, grant, status, body_of_end(grant, status, rest))
                ended[grant.run_id] = status
        nameless = await begun(api, worker, job_id)  # which attempt it was cannot be read
        rest = b',"fence":1}'
        await end_past_all_checks(api, nameless, "failed", body_of_end(nameless, "failed", rest, attempt="7" * 30))
        ended[nameless.run_id] = "failed"
        fresh = await begun(api, worker, job_id)
        await worker.succeed(fresh, {"rows": 1})
        async with in_time():
            await api.caught_up()

        for run_id, status in ended.items():
            run = await told(api, run_id)
            assert (run["status"], run["result"], run["error"]) == (status, None, None)
            assert run["unreadable"]["position"].startswith("0-1-")
            assert run["unreadable"]["reason"]
            assert run["finishedAt"] is not None
            (attempt,) = run["attempts"]
            assert attempt["finishedAt"] is not None
            assert attempt["outcome"] == ("lost" if status == "died" else status)
            async with in_time(), stream(f"{url}{RUNS}/{run_id}/logs/stream") as events:
                assert (await events.until("end"))[-1].data["status"] == status
            async with AsyncClient(url) as client:
                found = await client.send(endpoints.get_run(run_id))
            assert found.unreadable is not None
        whole = await told(api, fresh.run_id)
        assert (whole["status"], whole["result"], whole["unreadable"]) == ("succeeded", {"rows": 1}, None)
        assert (await api.http.get(f"{JOBS}/{job_id}")).json()["isRunning"] is False
        async with await psycopg.AsyncConnection.connect(api.postgres_url, autocommit=True) as connection:
            assert await compare(connection) == []


async def test_a_run_whose_end_tells_nothing_has_died_once_somebody_looks(
    rig: MakeRig, key_prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`reconcile` looks, and so does a projector that begins with a partition."""
    looked = asyncio.Event()

    async def look(*arguments: Any) -> Settled:
        found = await settle_lost(*arguments)
        if found.known:
            looked.set()
        return found

    monkeypatch.setattr(follow, "settle_lost", look)
    async with rig(projecting=False) as api:
        place = api.redis_url, api.postgres_url, key_prefix
        async with projected(*place):
            async with in_time():
                await looked.wait()
            worker = await api.worker()
            job_id = (await api.create(concurrent="0"))["id"]
            first = await lose_runs(api, worker, job_id)
            live = await begun(api, worker, job_id)
            await api.trigger(job_id, delay=3_600)
            await api.caught_up()
            await forget_ends(api)
            assert await statuses(api, first) == {"running"}

            said: list[str] = []
            async with await psycopg.AsyncConnection.connect(api.postgres_url, autocommit=True) as connection:
                looks = Reconcile(api.log, connection, said.append, do=False, accept_loss=False)
                mends = Reconcile(api.log, connection, said.append, do=True, accept_loss=False)
                assert not await looks.partition(0)
                assert await statuses(api, first) == {"running"}
                assert all(any(run_id in line for line in said) for run_id in first)
                assert await mends.partition(0)
                await api.caught_up()
                assert await looks.partition(0)
                assert await settle_lost(api.log, connection, 0) == (True, [], [], [])
            assert await statuses(api, first) == {"died"}
            second = await lose_runs(api, worker, job_id)
            named = await begun(api, worker, job_id)
            await end_past_all_checks(api, named, "succeeded", body_of_end(named, "succeeded", b',"result":{not json}'))
            await api.caught_up()
        await forget_ends(api)
        async with await psycopg.AsyncConnection.connect(api.postgres_url, autocommit=True) as connection:
            await as_an_earlier_release_left_it(connection, named.run_id)

        async with projected(*place):
            async with in_time():
                await eventually(lambda: have_died(api, second))
            await api.caught_up()
        async with await psycopg.AsyncConnection.connect(api.postgres_url, autocommit=True) as connection:
            assert await compare(connection) == []

        for run_id in (*first, *second):
            run = await told(api, run_id)
            assert (run["attempts"][0]["outcome"], run["unreadable"]) == ("lost", None)
        run = await told(api, named.run_id)
        assert (run["status"], run["unreadable"] is None) == ("succeeded", False)
        assert (await told(api, live.run_id))["status"] == "running"


async def lose_runs(api: Rig, worker: Worker, job_id: str) -> list[str]:
    """Runs that have ended by events of which nobody can tell whose they are."""
    run_ids: list[str] = []
    for body in (b"no JSON", b'{"type":"run.succeeded","runId":7}', b'{"type":7}'):
        grant = await begun(api, worker, job_id)
        await end_past_all_checks(api, grant, "succeeded", body)
        run_ids.append(grant.run_id)
    return run_ids


async def have_died(api: Rig, run_ids: Iterable[str]) -> bool:
    return await statuses(api, run_ids) == {"died"}


async def statuses(api: Rig, run_ids: Iterable[str]) -> set[str]:
    return {(await told(api, run_id))["status"] for run_id in run_ids}


async def as_an_earlier_release_left_it(connection: psycopg.AsyncConnection[Any], run_id: str) -> None:
    """Its end is archived, and changed nothing."""
    await connection.execute(
        "UPDATE runs SET status = 'running', finished_at = NULL, unreadable = NULL WHERE run_id = %s", [run_id]
    )
    await connection.execute("UPDATE attempts SET finished_at = NULL, outcome = NULL WHERE run_id = %s", [run_id])


async def forget_ends(api: Rig) -> None:
    """As the log does by itself after some minutes."""
    for name in ("ended0", "ended1"):
        key = api.log.keys.partition(0, name)
        await api.log.execute(key, "DEL", key)


@pytest.mark.parametrize("one_in", [3, pytest.param(1, marks=pytest.mark.soak)], ids=["some", "all"])
async def test_poison_of_every_type_stops_no_reader(rig: MakeRig, key_prefix: str, one_in: int) -> None:
    async with rig() as api, served(api) as url:
        worker = await api.worker()
        job_id = (await api.create(concurrent="0"))["id"]
        before, beside = await begun(api, worker, job_id), await begun(api, worker, job_id)
        await api.caught_up()
        now = SystemClock().now_ms()
        async with stream(f"{url}{JOBS}/{job_id}/logs/stream") as live:
            planted = [*map(str, await poison.plant(api.log, api.redis_url, poison.poison(now, one_in)))]
            await worker.step(beside, "another step", number=2)
            async with in_time():
                while (await live.next()).data.get("name") != "another step":
                    continue
        await worker.succeed(before)
        after = await begun(api, worker, job_id)
        await worker.succeed(after)
        end_of_log = await tail_of(api.log, 0)
        assert end_of_log is not None
        async with api.parts.reading() as connection:
            assert await wait_for(connection, end_of_log, PATIENCE)

        for grant in (before, after):
            assert (await told(api, grant.run_id))["status"] == "succeeded"
        assert (await told(api, beside.run_id))["status"] == "running"
        await every_route(api, job_id, after.run_id)
        async with in_time(), stream(f"{url}/v1/monitor/events/stream", after="0") as events:
            seen = [await events.next() for _ in range(len(planted))]
        assert all(event.id is None or event.data for event in seen)
        async with in_time(), stream(f"{url}{JOBS}/{job_id}/logs/stream") as events:
            await events.next()
        ready = (await api.http.get("/readyz")).json()
        assert (ready["status"], "cannot be read" in ready["checks"]["events"]) == ("ready", True)
        assert "waterclock_events_quarantined " in (await api.http.get("/metrics")).text

        async with await psycopg.AsyncConnection.connect(api.postgres_url, autocommit=True) as connection:
            async with in_time():
                assert await compare(connection) == []
            async with in_time():
                found = [one async for one in checks.of_store(connection, SystemClock())]
            (told_of,) = [one for one in found if one.check == "events"]
            assert (told_of.level, "reconcile --known" in told_of.do) == ("warning", True)
            assert sum(f"{one} " in told_of.said for one in planted) == checks.QUARANTINED
            said: list[str] = []
            async with in_time():
                one = Reconcile(api.log, connection, said.append, do=True, accept_loss=False)
                assert await one.partition(0)
                assert any(one in line for line in said for one in planted)
                assert await one.known(0)
            kept = await (
                await connection.execute(b"SELECT count(*), min(length(document)) FROM quarantine")
            ).fetchone()
            assert kept is not None
            assert kept[0] > len(planted) // 2
        assert (await api.http.get("/readyz")).json()["checks"]["events"] == "ok"
        await worker.succeed(beside)
        await api.caught_up()
    await restored(api, key_prefix, after.run_id)


async def every_route(api: Rig, job_id: str, run_id: str) -> None:
    paths = [f"/v1/monitor/{name}" for name in ("jobs", "runs", "queues", "workers", "executors", "events")]
    paths += [f"/v1/monitor/events?{query}" for query in ("actor=nobody", "type=run", "limit=1000", f"jobId={job_id}")]
    paths += [f"{JOBS}/{job_id}", f"{JOBS}/{job_id}/detail", f"{JOBS}/{job_id}/history", f"{JOBS}/{job_id}/explain"]
    paths += [f"{RUNS}/{run_id}", f"{RUNS}/{run_id}/logs", "/v1/monitor/ledger/verify"]
    for path in paths:
        async with in_time():
            answer = await api.http.get(path)
        assert answer.status_code == 200, (path, answer.text[:500])
        answer.json()


async def restored(api: Rig, prefix: str, run_id: str) -> None:
    """The log, filled again from the poisoned archive."""
    log = await Log.reach(LogSettings(url=api.redis_url, prefix=prefix), role="restore")
    try:
        async with (
            await open_pool(api.postgres_url, name="restore", max_size=2) as pool,
            await connect_anew(pool, work="restoring") as connection,
            in_time(),
        ):
            await Restore(log, connection, QUEUES, lambda _: None).do(None, replace=True, accept_loss=True)
            await settle_lost(log, connection, 0, within=0)
    finally:
        await log.close()
