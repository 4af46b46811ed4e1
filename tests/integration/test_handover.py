"""Projectors as processes, killed and stopped: others take their partitions, and nothing counts twice or is lost."""

import asyncio
import os
import signal
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import httpx

from tests.contract.log import build
from tests.integration.api.rig import QUEUES
from tests.integration.stage import DEADLINE, Stage, eventually, staged, waterclock, work
from tests.support.waiting import until
from waterclock.log.liveness import lag
from waterclock.model.ids import JobId, created_job
from waterclock.store.connection.lock_wait import patient
from waterclock.store.connection.pool import connect_anew, open_pool
from waterclock.store.readmodels.rebuild import compare
from waterclock_api.consistency import lag as lagging
from waterclock_api.operator.restore import Restore
from waterclock_dev.servers.ports import free_port
from waterclock_dev.services import Service

PARTITIONS = 2
OWNERS = (
    "SELECT pid, array_agg(objid::int ORDER BY objid) FROM pg_locks JOIN pg_stat_activity USING (pid)"
    " WHERE locktype = 'advisory' AND pg_locks.mode = 'ExclusiveLock' AND application_name LIKE '%shares' GROUP BY pid"
)


class Projector:
    """One as a process, with the report of its health."""

    def __init__(self, stage: Stage, postgres_url: str) -> None:
        self._port = free_port()
        env = {name: value for name, value in os.environ.items() if not name.startswith("WATERCLOCK_")}
        env |= {
            "WATERCLOCK_REDIS_URL": stage.redis_url,
            "WATERCLOCK_KEY_PREFIX": stage.log.keys.prefix,
            "WATERCLOCK_POSTGRES_URL": postgres_url,
            "WATERCLOCK_HEALTH_PORT": str(self._port),
        }
        self._service = Service("projector", verb="projector", env=env, on_line=print, grace=10)

    def signal(self, number: signal.Signals) -> None:
        os.kill(self._service.pid, number)

    async def metrics(self) -> str:
        async with httpx.AsyncClient() as http:
            return (await http.get(f"http://127.0.0.1:{self._port}/metrics")).text

    async def lags(self) -> dict[str, dict[str, float]]:
        async with httpx.AsyncClient() as http:
            return (await http.get(f"http://127.0.0.1:{self._port}/readyz")).json()["lag"]

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[None]:
        await self._service.start()
        try:
            await self._service.ready(deadline=DEADLINE)
            yield
        finally:
            await self._service.stop()


async def test_the_partitions_of_a_killed_projector_go_to_another(
    redis_url: str, key_prefix: str, migrated_postgres_url: str
) -> None:
    async with staged(redis_url, key_prefix, migrated_postgres_url, PARTITIONS) as stage:
        killed, other = (Projector(stage, migrated_postgres_url) for _ in range(2))
        async with other.running(), killed.running():
            await shared(stage)
            await work_everywhere(stage, 1)
            killed.signal(signal.SIGKILL)
            await work_everywhere(stage, 2)
            await until(lambda: one_owner(stage), within=DEADLINE, what="one has all partitions")
            await stage.projected()

        await stage.assert_true_to_the_log()


async def test_a_projector_stopped_in_its_transaction_holds_nothing_up_and_does_no_harm_when_it_goes_on(
    redis_url: str, key_prefix: str, migrated_postgres_url: str
) -> None:
    async with staged(redis_url, key_prefix, migrated_postgres_url, PARTITIONS) as stage:
        stopped, other = (Projector(stage, migrated_postgres_url) for _ in range(2))
        async with stopped.running():
            await until(lambda: one_owner(stage), within=DEADLINE, what="the first has all partitions")
            await create_everywhere(stage)
            await stage.projected()
            async with await connect_anew(stage.pool) as gate, gate.transaction():
                await gate.execute("LOCK TABLE attempts IN EXCLUSIVE MODE")
                await work_everywhere(stage, 1, create=False)
                await eventually(lambda: stage.rows("SELECT FROM pg_locks WHERE NOT granted HAVING count(*) = 2"))
                stopped.signal(signal.SIGSTOP)
            try:
                async with other.running():
                    await until(lambda: one_owner(stage), within=DEADLINE, what="the other has all partitions")
                    await stage.projected()
                    stopped.signal(signal.SIGCONT)
                    await shared(stage)
                    await work_everywhere(stage, 2, create=False)
                    await stage.projected()
            finally:
                stopped.signal(signal.SIGCONT)

        await stage.assert_true_to_the_log()


async def test_a_restore_does_not_wait_for_a_projector_that_is_stopped_in_its_transaction(
    redis_url: str, key_prefix: str, migrated_postgres_url: str
) -> None:
    """No other takes its partitions over, who would have its sessions ended."""
    async with staged(redis_url, key_prefix, migrated_postgres_url, PARTITIONS) as stage:
        stopped = Projector(stage, migrated_postgres_url)
        async with stopped.running():
            await until(lambda: one_owner(stage), within=DEADLINE, what="it has all partitions")
            await create_everywhere(stage)
            await stage.projected()
            try:
                async with await connect_anew(stage.pool) as gate, gate.transaction():
                    await gate.execute("LOCK TABLE attempts IN EXCLUSIVE MODE")
                    await work_everywhere(stage, 1, create=False)
                    await eventually(lambda: stage.rows("SELECT FROM pg_locks WHERE NOT granted HAVING count(*) = 2"))
                    stopped.signal(signal.SIGSTOP)
                await eventually(lambda: stage.rows("SELECT WHERE NOT EXISTS (" + OWNERS + ")"))
                async with await connect_anew(stage.pool, work="restoring") as connection:
                    restore = Restore(stage.log, connection, QUEUES, print).do(None, replace=True, accept_loss=True)
                    await patient(connection, restore, connect=stage.pool.connection, tell=print)
            finally:
                stopped.signal(signal.SIGCONT)
            await work_everywhere(stage, 2, create=False)
            await stage.projected()

        async with await connect_anew(stage.pool) as connection:
            assert await compare(connection) == []


async def test_commands_of_an_operator_do_not_wait_for_a_projector_that_stands_still(
    redis_url: str, key_prefix: str, migrated_postgres_url: str
) -> None:
    async with staged(redis_url, key_prefix, migrated_postgres_url) as stage:
        async with stage.projecting():
            await stage.ready.wait()
            await build.create(stage.log)
            await stage.projected()
        env = {"POSTGRES_URL": migrated_postgres_url, "REDIS_URL": redis_url, "KEY_PREFIX": key_prefix}
        async with await open_pool(migrated_postgres_url, name="projector") as pool:
            stalled = await connect_anew(pool, work="follow 0")
            await stalled.execute("BEGIN")
            await stalled.execute("LOCK TABLE partitions, jobs IN ACCESS EXCLUSIVE MODE")
            async with asyncio.TaskGroup() as tasks:
                verbs = [tasks.create_task(waterclock(verb, **env)) for verb in ("reconcile", "rebuild")]
            await stalled.close()
    told = [verb.result() for verb in verbs]
    assert [code for code, *_ in told] == [0, 0], told
    assert any("waterclock projector follow 0" in said for *_, said in told), told


async def test_the_lag_is_what_is_not_projected_yet_and_the_age_of_the_oldest(
    redis_url: str, key_prefix: str, migrated_postgres_url: str
) -> None:
    async with staged(redis_url, key_prefix, migrated_postgres_url) as stage:
        one = Projector(stage, migrated_postgres_url)
        async with one.running():
            await build.create(stage.log)
            reached = await stage.projected()
            report = await until(one.lags, within=DEADLINE, what="a report")
            assert report == {"0": {"events": 0, "seconds": 0.0, "ahead": 0}}
            async with await connect_anew(stage.pool) as gate, gate.transaction():
                await gate.execute("LOCK TABLE partitions IN EXCLUSIVE MODE")
                await work(stage.log, 1, 2)

                async def aged() -> dict[str, float] | None:
                    found = (await one.lags())["0"]
                    return found if found["seconds"] >= 1 else None

                found = await until(aged, within=DEADLINE, what="a lag of a second")
                (known,) = (await lagging.lags_of_all(stage.log, gate)).values()
                assert found["events"] == known.events == 6
                assert known.seconds >= found["seconds"]
                assert lagging.told({0: known}).startswith("6 events behind, the oldest for ")
            end = await stage.projected()
            assert lagging.told(await lagging.lags(stage.log, {0: end})) == "ok"
            assert (await lag.lag(stage.log, 0, reached)).events == 6
            assert (await lag.lag(stage.log, 0, None)).events == end.seq


async def shared(stage: Stage) -> None:
    async def look() -> bool:
        return sorted(held for _, held in await stage.rows(OWNERS)) == [[0], [1]]

    await until(look, within=DEADLINE, what="each has one partition")


async def one_owner(stage: Stage) -> bool:
    return [held for _, held in await stage.rows(OWNERS)] == [list(range(PARTITIONS))]


def jobs(stage: Stage) -> list[JobId]:
    """A job in each partition."""
    made = {stage.log.partition_of(job): job for job in (created_job(str(n)) for n in range(20))}
    return [made[partition] for partition in range(PARTITIONS)]


async def create_everywhere(stage: Stage) -> None:
    for job in jobs(stage):
        await build.create(stage.log, job, overlap_policy="buffer_all")


async def work_everywhere(stage: Stage, number: int, *, create: bool = True) -> None:
    if create and number == 1:
        await create_everywhere(stage)
    for job in jobs(stage):
        await work(stage.log, number, job=job)
