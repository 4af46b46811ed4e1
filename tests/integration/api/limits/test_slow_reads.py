"""Reads that take long, and everybody else: whoever asks for little does not wait for whoever asks for much."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager

import httpx
import psycopg
import pytest
from psycopg import sql

from tests.integration.api.conftest import MakeRig
from tests.integration.api.rig import JOB, JOBS, RUNS, Rig, served
from tests.integration.stage import eventually

VERIFY = "/v1/monitor/ledger/verify"
SEARCH = f"{RUNS}?q=nothing+has+this"
LONG = httpx.Timeout(60)
HISTORY = 300_000  # runs
FILL = """
INSERT INTO runs (
    run_id, partition, requested_epoch, requested_seq, job_id, job_name, invoke_target, params, queue, trigger, status,
    requested_at, started_at, finished_at, max_attempts, labels
)
SELECT
    'old' || n %% 300 || '-' || n, 0, 0, n, 'old' || n %% 300, 'old job', 'demo.noop', '{}', 'default', 'schedule',
    'succeeded', made.at, made.at, made.at, 3, '{}'
FROM generate_series(1, %(runs)s) AS n, LATERAL (SELECT now() - n * interval '1 second' AS at) AS made
"""


@asynccontextmanager
async def locked(api: Rig, *tables: str) -> AsyncGenerator[None]:
    """Whoever reads one of the tables waits until the context ends."""
    async with await psycopg.AsyncConnection.connect(api.postgres_url) as gate:
        names = sql.SQL(", ").join(map(sql.Identifier, tables))
        await gate.execute(sql.SQL("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE").format(names))
        yield
        await gate.rollback()


async def waiting(api: Rig) -> int:
    """How many of the API's sessions wait for a lock."""
    async with await psycopg.AsyncConnection.connect(api.postgres_url, autocommit=True) as connection:
        cursor = await connection.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
            "AND application_name LIKE 'waterclock api level=%' AND state = 'active' AND wait_event_type = 'Lock'"
        )
        row = await cursor.fetchone()
    assert row is not None
    return row[0]


async def until_waiting(api: Rig, fits: Callable[[int], bool] = bool) -> None:
    async def look() -> bool:
        return fits(await waiting(api))

    async with asyncio.timeout(30):
        await eventually(look)


async def others(http: httpx.AsyncClient, job_id: str, run_id: str) -> list[httpx.Response]:
    """What everybody else asks for, one after the other."""
    place = f"{JOBS}/{job_id}"
    return [
        await http.get("/readyz"),
        await http.get(f"{RUNS}/{run_id}"),
        await http.get(place),
        await http.get(RUNS),
        await http.get(JOBS),
        await http.get(f"{place}/detail"),
        await http.get("/v1/monitor/queues"),
        await http.get("/v1/monitor/executors"),
        await http.post(f"{place}/trigger", json={}),
        await http.put(place, json=JOB | {"concurrent": "0", "remark": "changed"}, headers={"Prefer": "respond-async"}),
        await http.post(RUNS, json={"invokeTarget": "demo.noop"}, headers={"Idempotency-Key": "twice"}),
        await http.post(RUNS, json={"invokeTarget": "demo.noop"}, headers={"Idempotency-Key": "twice"}),
    ]


@pytest.mark.parametrize("connections", [10])
async def test_twelve_slow_reads_hold_up_nobody_else(rig: MakeRig, connections: int) -> None:
    async with rig(connections=connections) as api:
        await api.worker()
        job = await api.create(concurrent="0")
        run_id = await api.trigger(job["id"])
        await api.caught_up()
        async with asyncio.TaskGroup() as tasks, locked(api, "events"):
            slow = [tasks.create_task(api.http.get(VERIFY, timeout=LONG)) for _ in range(12)]
            await until_waiting(api)
            answers = await others(api.http, job["id"], run_id)
            assert {answer.status_code for answer in answers} <= {200, 202}, [answer.text for answer in answers]
            assert not all(read.done() for read in slow)
        assert {read.result().status_code for read in slow} <= {200, 503}


@pytest.mark.parametrize("connections", [2, 3])
async def test_with_few_connections_commands_and_probes_still_have_their_own(rig: MakeRig, connections: int) -> None:
    async with rig(connections=connections) as api:
        await api.worker()
        job = await api.create(concurrent="0")
        run_id = await api.trigger(job["id"])
        await api.caught_up()
        async with asyncio.TaskGroup() as tasks, locked(api, "events"):
            for _ in range(3):
                tasks.create_task(api.http.get(VERIFY, timeout=LONG))
            await until_waiting(api)
            for answer in (
                await api.http.get("/readyz"),
                await api.http.get(f"{RUNS}/{run_id}"),
                await api.http.post(f"{JOBS}/{job['id']}/trigger", json={}),
            ):
                assert answer.status_code in {200, 202}, answer.text


async def test_with_one_connection_everything_is_answered(rig: MakeRig) -> None:
    async with rig(connections=1) as api:
        await api.worker()
        job = await api.create(concurrent="0")
        run_id = await api.trigger(job["id"])
        await api.caught_up()
        async with asyncio.TaskGroup() as tasks:
            slow = [tasks.create_task(api.http.get(SEARCH, timeout=LONG)) for _ in range(4)]
            answers = await others(api.http, job["id"], run_id)
        assert {answer.status_code for answer in (*answers, *(read.result() for read in slow))} <= {200, 202}


@pytest.mark.parametrize(
    ("tables", "path"),
    [
        (("runs",), SEARCH),
        (("jobs",), JOBS),
        (("events",), VERIFY),
        (("events",), f"{JOBS}/{{job}}/history?actor=nobody"),
        (("events",), f"{JOBS}/{{job}}/explain"),
        (("runs",), f"{JOBS}/{{job}}?asOf={{now}}"),
    ],
)
async def test_a_query_ends_when_its_client_leaves(rig: MakeRig, tables: tuple[str, ...], path: str) -> None:
    """Those under way end in Postgres, and those that wait for a place never begin."""
    async with rig(read_timeout=3_600) as api, served(api) as url:
        await api.worker()
        job = await api.create()
        await api.caught_up()
        path = path.format(job=job["id"], now=job["updatedAt"])
        async with locked(api, *tables):
            async with asyncio.TaskGroup() as tasks, httpx.AsyncClient(base_url=url, timeout=LONG) as client:
                asked = [tasks.create_task(client.get(path)) for _ in range(8)]
                await until_waiting(api)
                for one in asked:
                    one.cancel()
            await until_waiting(api, lambda left: left == 0)
        assert (await api.http.get(path)).status_code == 200  # the lane has all its places


@pytest.mark.parametrize(
    ("tables", "path", "names"),
    [
        (("runs",), SEARCH, ("from", "to", "jobId")),
        (("events",), VERIFY, ("from", "to", "jobId")),
        (("events",), "/v1/monitor/events?type=job", ("from", "to")),
    ],
)
async def test_a_read_that_takes_too_long_says_what_makes_it_cheaper(
    rig: MakeRig, tables: tuple[str, ...], path: str, names: tuple[str, ...], caplog: pytest.LogCaptureFixture
) -> None:
    async with rig(read_timeout=0.3) as api:
        await api.worker()
        await api.create()
        await api.caught_up()
        async with locked(api, *tables):
            refused = await api.http.get(path)
        assert (refused.status_code, refused.json()["type"]) == (503, "/problems#read-too-slow"), refused.text
        assert all(f"`{name}`" in refused.json()["detail"] for name in names)
        assert "postgres unreachable" not in caplog.text
        assert (await api.http.get(path)).status_code == 200


async def test_one_caller_cannot_hold_all_places(rig: MakeRig) -> None:
    async with rig(connections=10) as api:
        await api.worker()
        await api.create()
        await api.caught_up()
        greedy, modest = [
            {"Authorization": f"Bearer {await api.key('query', 'list', name=name)}"} for name in ("greedy", "modest")
        ]
        async with asyncio.TaskGroup() as tasks:
            async with locked(api, "events"):
                flood = [tasks.create_task(api.http.get(VERIFY, headers=greedy, timeout=LONG)) for _ in range(20)]
                await until_waiting(api, lambda found: found == 1)
                (refused, *_), _ = await asyncio.wait(flood, return_when=asyncio.FIRST_COMPLETED)
                assert (refused.result().status_code, refused.result().json()["type"]) == (
                    429,
                    "/problems#too-many-reads",
                )
                assert int(refused.result().headers["retry-after"]) >= 1
                own = tasks.create_task(api.http.get(VERIFY, headers=modest, timeout=LONG))
                await until_waiting(api, lambda found: found == 2)
            assert (await own).status_code == 200
        assert {read.result().status_code for read in flood} == {200, 429}


@pytest.mark.soak
async def test_twelve_searches_over_a_grown_store_refuse_nobody_else(rig: MakeRig) -> None:
    async with rig(connections=10) as api:
        await api.worker()
        job = await api.create(concurrent="0")
        run_id = await api.trigger(job["id"])
        await api.caught_up()
        async with await psycopg.AsyncConnection.connect(api.postgres_url) as connection:
            await connection.execute(FILL, {"runs": HISTORY})
        ended = asyncio.Event()

        async def search() -> None:
            while not ended.is_set():
                assert (await api.http.get(SEARCH, timeout=LONG)).status_code in {200, 503}

        async with asyncio.TaskGroup() as tasks:
            for _ in range(12):
                tasks.create_task(search())
            for _ in range(20):
                answers = await others(api.http, job["id"], run_id)
                assert {answer.status_code for answer in answers} <= {200, 202}, [answer.text for answer in answers]
            ended.set()
