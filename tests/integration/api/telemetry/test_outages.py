"""When Postgres, Redis or the projector is away: what is accepted, what is refused, and what is said."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.integration.api.conftest import MakeRig
from tests.integration.api.rig import JOB, JOBS, RUNS, Rig, assembled_rig, projected, served
from tests.integration.api.sse import kinds, stream
from tests.integration.stage import eventually
from tests.support.asking import ask
from tests.support.servers import OwnPostgres, OwnValkey
from waterclock.store.connection.migrate import migrate

ASYNC = {"Prefer": "respond-async"}
UNKNOWN = f"{JOBS}?allowUnknownExecutor=true"


async def test_without_a_projector_commands_answer_202_with_what_the_log_holds(rig: MakeRig) -> None:
    async with rig(projecting=False) as api:
        created = await api.http.post(UNKNOWN, json=JOB, headers={"Prefer": "wait=0"})
        job = created.json()
        assert (created.status_code, created.headers["location"]) == (202, f"{JOBS}/{job['id']}")
        assert (job["version"], job["jobName"], job["isRunning"], job["lastRun"]) == (1, "nightly", False, None)
        path = f"{JOBS}/{job['id']}"
        changed = await api.http.put(path, json=JOB | {"remark": "x"}, headers=ASYNC)
        assert (changed.status_code, changed.json()["version"], changed.headers["etag"]) == (202, 2, '"2"')
        disabled = await api.http.put(f"{path}/status", json={"status": "1"}, headers=ASYNC)
        assert (disabled.status_code, disabled.json()["status"]) == (202, "1")
        cleared = await api.http.delete(f"{path}/logs", headers=ASYNC)
        assert (cleared.status_code, cleared.content) == (202, b"")
        assert (await api.http.delete(path, headers=ASYNC)).status_code == 202
        assert (await api.http.put(path, json=JOB, headers=ASYNC)).status_code == 404


async def test_a_log_that_takes_no_writes_says_so_and_nothing_was_changed(
    own_valkey: OwnValkey, key_prefix: str, migrated_postgres_url: str
) -> None:
    server = await own_valkey()
    async with assembled_rig(server.url, migrated_postgres_url, key_prefix) as api:
        await api.log.execute("", "CONFIG", "SET", "min-replicas-to-write", "1")
        refused = await api.http.post(UNKNOWN, json=JOB)
        assert (refused.status_code, refused.json()["detail"]) == (
            503,
            "Redis rejects writes now; nothing was changed.",
        )
        await api.log.execute("", "CONFIG", "SET", "min-replicas-to-write", "0")
        assert (await api.http.post(UNKNOWN, json=JOB)).status_code == 201


async def test_readiness_says_when_nothing_can_be_written_and_why(
    own_valkey: OwnValkey, key_prefix: str, migrated_postgres_url: str
) -> None:
    """Without a write of its own, and whatever still answers reads."""
    server = await own_valkey(appendfsync="everysec", settings={"save": "3600 1"})
    async with assembled_rig(server.url, migrated_postgres_url, key_prefix) as api:

        async def config(name: str, value: str) -> None:
            await api.log.execute("", "CONFIG", "SET", name, value)

        await _is_ready(api)
        folder = (await api.log.execute("", "CONFIG", "GET", "dir"))[1].decode()
        in_the_way = Path(folder) / "dump.rdb" / "x"
        in_the_way.mkdir(parents=True)  # so that the server cannot write its copy
        await api.log.execute("", "BGSAVE")
        assert "MISCONF" in await _is_unready(api, "redis")
        assert (await api.http.post(UNKNOWN, json=JOB)).status_code == 503
        assert (await api.http.get(JOBS)).status_code == 200
        await config("stop-writes-on-bgsave-error", "no")
        await _is_ready(api)

        await config("min-replicas-to-write", "1")
        assert "NOREPLICAS" in await _is_unready(api, "redis")
        await config("min-replicas-to-write", "0")

        await ask(server, "REPLICAOF", "127.0.0.1", "1")
        assert "replica" in await _is_unready(api, "redis")
        await ask(server, "REPLICAOF", "NO", "ONE")
        await _is_ready(api)

        await config("maxmemory", "1")
        told = (await api.http.get("/readyz")).json()
        assert (told["status"], told["checks"]["redis"]) == ("ready", "ok")
        assert "memory limit" in told["checks"]["writes"]
        await config("maxmemory", "0")
        assert (await api.http.get("/readyz")).json()["checks"]["writes"] == "ok"


async def test_what_the_read_models_do_not_know_yet_is_read_from_the_log(rig: MakeRig) -> None:
    async with rig(projecting=False) as api:
        worker = await api.worker()
        created = (await api.http.post(UNKNOWN, json=JOB | {"concurrent": "0"}, headers=ASYNC)).json()
        done, running, waiting = [await api.trigger(created["id"]) for _ in range(3)]
        first, second = await worker.claim(slots=2)
        await worker.step(first, "Work", "hello")
        await worker.succeed(first, "fine")
        await worker.step(second, "Work", "hello")
        async with asyncio.TaskGroup() as tasks:
            reads = [
                tasks.create_task(api.http.get(path))
                for path in (f"{JOBS}/{created['id']}", *(f"{RUNS}/{run_id}" for run_id in (done, running, waiting)))
            ]
        job, one, two, three = (task.result() for task in reads)
        assert (job.status_code, job.json()["jobName"]) == (200, "nightly")
        assert [answer.json()["status"] for answer in (one, two, three)] == ["succeeded", "running", "queued"]
        assert (one.json()["result"], one.json()["steps"][0]["status"]) == ("fine", "succeeded")
        assert (two.json()["attempts"][0]["worker"], two.json()["worker"]) == ("w1", "w1")
        folded = one.json()
        async with projected(api.redis_url, api.postgres_url, api.log.keys.prefix):
            await api.caught_up()
        assert (await api.http.get(f"{RUNS}/{done}")).json() == folded


async def test_postgres_down_takes_the_reads_and_leaves_the_commands(
    redis_url: str, own_postgres: OwnPostgres, key_prefix: str
) -> None:
    postgres = await own_postgres()
    await migrate(postgres.url)
    async with assembled_rig(redis_url, postgres.url, key_prefix) as api, served(api) as url:
        worker = await api.worker()
        job = await api.create(concurrent="0")
        run_id = await api.trigger(job["id"])
        async with stream(f"{url}{RUNS}/{run_id}/logs/stream") as events:
            await events.next()
            await postgres.kill()
            await _is_unready(api, "postgres")
            path = f"{JOBS}/{job['id']}"
            for read in (JOBS, path, f"{path}/detail", f"{RUNS}/{run_id}", f"{RUNS}/{run_id}/logs/stream"):
                refused = await _until_refused(api, read)
                assert (refused.status_code, refused.headers["retry-after"]) == (503, "1"), refused.text
                assert refused.json()["type"] == "/problems#store-unavailable"
            assert (await api.http.post(f"{path}/trigger")).status_code == 202
            assert (
                await api.http.put(path, json=JOB | {"remark": "x"}, headers={"Prefer": "wait=1"})
            ).status_code == 202
            assert (await api.http.post(JOBS, json=JOB | {"jobName": "new"}, headers=ASYNC)).status_code == 202
            assert (await api.http.get("/livez")).status_code == 200
            for grant in await worker.claim():
                await worker.succeed(grant)
            assert kinds(await events.until("end")) == ["run.started", "run.succeeded", "end"]
        await postgres.start()
        await _is_ready(api)
        await api.caught_up()
        assert (await api.http.get(path)).json()["remark"] == "x"
        assert len((await api.http.get(JOBS)).json()["items"]) == 2


async def test_a_postgres_that_says_nothing_is_not_waited_for(
    redis_url: str, own_postgres: OwnPostgres, key_prefix: str
) -> None:
    postgres = await own_postgres()
    await migrate(postgres.url)
    async with assembled_rig(redis_url, postgres.url, key_prefix) as api:
        await api.worker()
        job = await api.create(concurrent="0")
        path = f"{JOBS}/{job['id']}"
        with _speechless(postgres.pid):
            async with asyncio.timeout(30), asyncio.TaskGroup() as tasks:
                reads = [tasks.create_task(api.http.get(read)) for read in (JOBS, path, RUNS, f"{path}/detail")]
                changed = tasks.create_task(api.http.put(path, json=JOB | {"remark": "x"}))
                created = tasks.create_task(api.http.post(JOBS, json=JOB | {"jobName": "new"}))
                triggered = tasks.create_task(api.http.post(f"{path}/trigger"))
            assert {read.result().status_code for read in reads} == {503}
            assert [asked.result().status_code for asked in (changed, created, triggered)] == [202] * 3
            await _is_unready(api, "postgres")
        await _is_ready(api)
        await api.caught_up()
        assert (await api.http.get(path)).json()["remark"] == "x"


async def test_redis_down_refuses_commands_and_says_so_until_it_is_back(
    own_valkey: OwnValkey, store_url: str, key_prefix: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "waterclock_api")
    valkey = await own_valkey()
    async with assembled_rig(valkey.url, store_url, key_prefix) as api, served(api) as url:
        await api.worker()
        job = await api.create()
        path = f"{JOBS}/{job['id']}"
        async with stream(f"{url}{path}/logs/stream") as events:
            await valkey.kill()
            for _ in range(5):
                assert (await api.http.post(f"{path}/trigger")).status_code == 503
            refused = await api.http.post(f"{path}/trigger")
            assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
            assert refused.json()["type"] == "/problems#log-unavailable"
            assert (await api.http.get("/readyz")).status_code == 503
            assert (await api.http.get("/livez")).status_code == 200
            assert (await api.http.get(path)).json() == job
            await valkey.start()
            await _is_ready(api)
            run_id = await api.trigger(job["id"])
            requested = await events.next()
            while requested.kind != "run.requested":
                requested = await events.next()
            assert requested.data["runId"] == run_id

            async def is_over() -> bool:
                return bool(_lines(caplog, "redis reachable again"))

            async with asyncio.timeout(30):
                await eventually(is_over)
        assert len(_lines(caplog, "redis unreachable")) == 1
        assert _lines(caplog, "redis reachable again")[0].__dict__["failures"] >= 5


async def test_a_command_outlives_a_short_restart_of_redis(
    own_valkey: OwnValkey, store_url: str, key_prefix: str
) -> None:
    valkey = await own_valkey()
    async with assembled_rig(valkey.url, store_url, key_prefix) as api:
        await api.worker()
        job = await api.create()
        await valkey.kill()
        await valkey.start()
        async with asyncio.timeout(15):
            while (answer := await api.http.post(f"{JOBS}/{job['id']}/trigger")).status_code == 503:
                continue
        assert answer.status_code == 202
        assert len((await api.http.get(RUNS)).json()["items"]) <= 1


@contextmanager
def _speechless(server: int) -> Generator[None]:
    """Its processes are stopped; their connections stand, and whatever is sent to them is received."""
    processes = [server, *map(int, Path(f"/proc/{server}/task/{server}/children").read_text().split())]
    for process in processes:
        os.kill(process, signal.SIGSTOP)
    try:
        yield
    finally:
        for process in reversed(processes):
            os.kill(process, signal.SIGCONT)


def _lines(caplog: pytest.LogCaptureFixture, name: str) -> list[logging.LogRecord]:
    return [record for record in caplog.records if record.message == name]


async def _until_refused(api: Rig, path: str) -> httpx.Response:
    """The backends of a killed Postgres live on for a moment, each for itself."""
    async with asyncio.timeout(15):
        while (answer := await api.http.get(path)).status_code == 200:
            continue
    return answer


async def _is_unready(api: Rig, what: str) -> str:
    """Until it is; what it says of it."""
    answer = await _until_refused(api, "/readyz")
    assert answer.status_code == 503
    (error,) = answer.json()["errors"]
    assert error["pointer"] == what
    return error["message"]


async def _is_ready(api: Rig) -> None:
    async with asyncio.timeout(15):
        while (await api.http.get("/readyz")).status_code != 200:
            continue
