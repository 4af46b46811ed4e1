"""Which servers may be used, and how their answers and silences are told apart."""

import asyncio

import pytest

from tests.contract.log.build import QUEUES, WORKER, ask, create, ending, finish, grab, open_all, wish
from tests.support.servers import OwnValkey, Shared
from waterclock.log.client import Log, LogSettings
from waterclock.log.clock import now
from waterclock.log.commands.jobs import Appended
from waterclock.log.connection.errors import LogFull, LogRefuses, LogUnavailable, LogUnfit
from waterclock.log.liveness.sessions import join
from waterclock.log.recovery.opening import initialise
from waterclock.log.server_checks import durability_of
from waterclock.model.ids import JobId

on_connections = pytest.mark.parametrize("log_server", ["valkey_server", "other_redis_server"], indirect=True)


@pytest.mark.parametrize("policy", ["allkeys-lru", "volatile-ttl"])
async def test_a_server_that_evicts_is_refused(own_valkey: OwnValkey, policy: str) -> None:
    server = await own_valkey(settings={"maxmemory-policy": policy})
    with pytest.raises(LogUnfit, match=f"maxmemory-policy is {policy}.*noeviction"):
        await initialise(LogSettings(url=server.url), partitions=1, queues=QUEUES)


@pytest.mark.parametrize(
    ("fsync", "aof", "durability"),
    [("always", "yes", "always"), ("everysec", "yes", "everysec"), ("no", "yes", "none"), ("always", "no", "none")],
)
async def test_durability_is_what_the_server_says(own_valkey: OwnValkey, fsync: str, aof: str, durability: str) -> None:
    server = await own_valkey(settings={"appendfsync": fsync, "appendonly": aof})
    log = await Log.reach(LogSettings(url=server.url), role="test")
    assert await durability_of(log.nodes) == durability
    await log.close()


async def test_a_text_that_is_no_url_is_refused() -> None:
    with pytest.raises(LogUnfit, match="URL"):
        await Log.connect(LogSettings(url="localhost"), role="test")


async def test_a_wrong_password_is_told(own_valkey: OwnValkey) -> None:
    server = await own_valkey()
    with pytest.raises(LogUnfit, match=r"refuses the user user \(WATERCLOCK_REDIS_URL\)"):
        await Log.connect(LogSettings(url=server.url.replace("//", "//user:secret@")), role="test")


async def test_a_server_that_is_not_there_is_unavailable(unused_tcp_port: int) -> None:
    with pytest.raises(LogUnavailable):
        await Log.connect(LogSettings(url=f"redis://127.0.0.1:{unused_tcp_port}"), role="test")


async def test_at_the_memory_limit_new_runs_are_refused_and_running_ones_finish(own_valkey: OwnValkey) -> None:
    server = await own_valkey()
    settings = LogSettings(url=server.url)
    await initialise(settings, partitions=1, queues=QUEUES)
    log = await Log.connect(settings, role="test")
    await open_all(log, epoch=1)
    await create(log)
    await join(log, WORKER, body=None)
    await ask(log, wish(1), wish(2))
    [first] = (await grab(log, 1, slots=1)).grants
    await log.execute("", "CONFIG", "SET", "maxmemory", "1")
    with pytest.raises(LogFull):
        await ask(log, wish(3))
    [second] = (await grab(log, 2)).grants
    assert await finish(log, ending(first), ending(second)) == ["done", "done"]
    await log.close()


async def test_a_server_that_takes_no_writes_for_a_time_is_told_from_one_that_is_silent(own_valkey: OwnValkey) -> None:
    server = await own_valkey()
    settings = LogSettings(url=server.url)
    await initialise(settings, partitions=1, queues=QUEUES)
    log = await Log.connect(settings, role="test")
    await open_all(log, epoch=1)
    await log.execute("", "CONFIG", "SET", "min-replicas-to-write", "1")
    with pytest.raises(LogRefuses, match="rejects writes: NOREPLICAS"):
        await create(log)
    await log.execute("", "CONFIG", "SET", "min-replicas-to-write", "0")
    assert isinstance(await create(log), Appended)
    await log.close()


@on_connections
async def test_calls_at_once_share_connections_and_none_gets_anothers_answer(log: Log) -> None:
    await join(log, WORKER, body=None)
    jobs = [f"{number:016d}" for number in range(60)]
    async with asyncio.TaskGroup() as all_of_them:
        made = [all_of_them.create_task(create(log, JobId(job_id))) for job_id in jobs]
    positions = {done.position for task in made if isinstance(done := task.result(), Appended)}
    assert len(positions) == 60
    clients = await log.execute("", "CLIENT", "LIST")
    assert clients.count(f"name={log.keys.prefix}-test ".encode()) <= 16


@on_connections
async def test_a_cancelled_call_leaves_no_answer_behind(log: Log) -> None:
    await create(log)
    for _ in range(20):
        late = asyncio.create_task(ask(log, wish(1)))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        late.cancel()
        with pytest.raises(asyncio.CancelledError):
            await late
        assert await now(log, 0) > 10**12


@on_connections
async def test_deployments_with_other_prefixes_do_not_meet(log: Log, log_server: Shared) -> None:
    other_settings = LogSettings(url=log_server.url, prefix=f"{log.keys.prefix}x")
    await initialise(other_settings, partitions=1, queues=QUEUES)
    other = await Log.connect(other_settings, role="test")
    await open_all(other, epoch=1)
    await create(log)
    await ask(log, wish(1))
    await join(other, WORKER, body=None)
    assert (await grab(other, 1)).grants == []
    await other.close()
