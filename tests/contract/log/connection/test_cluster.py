"""The same log on two masters: partitions stand on both, and no script leaves its slot."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.contract.log.build import (
    QUEUES,
    WORKER,
    ask,
    create,
    decided,
    ending,
    entries_of,
    finish,
    grab,
    open_all,
    past,
    wish,
)
from tests.support import waiting
from waterclock.log.client import Log, LogSettings
from waterclock.log.commands.attempts import promote, wait_wake
from waterclock.log.commands.bodies import part
from waterclock.log.commands.jobs import Appended
from waterclock.log.commands.names import NameTaken, Reserved, reserve_name
from waterclock.log.commands.requests import Unit
from waterclock.log.connection.errors import LogRefuses
from waterclock.log.liveness.sessions import join, renew, sessions
from waterclock.log.recovery.opening import initialise, server_state
from waterclock.log.tail import tail_of
from waterclock.log.writable import check_server, check_writable
from waterclock.model.events import RunCancelled
from waterclock.model.ids import JobId, created_job
from waterclock.wire.keys import Keys

PARTITIONS = 4


@pytest_asyncio.fixture
async def log(redis_cluster_urls: tuple[str, str]) -> AsyncIterator[Log]:
    settings = LogSettings(url=redis_cluster_urls[0])
    await initialise(settings, partitions=PARTITIONS, queues=QUEUES)
    log = await Log.connect(settings, role="test")
    try:
        await open_all(log, epoch=1)
        yield log
    finally:
        await log.close()


def job_in(log: Log, partition: int) -> JobId:
    return next(job for n in range(1000) if log.partition_of(job := created_job(f"job {n}")) == partition)


async def test_every_partition_works_wherever_it_stands(log: Log) -> None:
    servers = {(await server_state(log, partition)).run_id for partition in range(PARTITIONS)}
    assert len(servers) == 2
    await join(log, WORKER, body=None)
    for partition in range(PARTITIONS):
        job_id = job_in(log, partition)
        done = await create(log, job_id)
        assert isinstance(done, Appended)
        unit = Unit(
            job_id=job_id,
            version=1,
            mark=done.mark,
            through=await past(log, done.mark, partition),
            items=(wish(1, job_id=job_id), wish(2, job_id=job_id, overlap="buffer_one")),
        )
        assert (await decided(log, unit, partition=partition)).results == ["done"]
        [grant] = (await grab(log, 1, partition=partition)).grants
        assert len((await renew(log, partition, WORKER, 1)).held) == 1
        assert await finish(log, ending(grant), partition=partition) == ["done"]
        assert len((await grab(log, 2, partition=partition)).grants) == 1
        assert (await promote(log, partition, body_cancelled=part(RunCancelled))).moved == 0
        assert await sessions(log, partition) == {WORKER: 1}
        entries = await entries_of(log, partition)
        assert await tail_of(log, partition) == entries[-1].position


async def test_a_blocking_read_watches_one_partition(log: Log) -> None:
    assert log.groups == tuple((partition,) for partition in range(PARTITIONS))
    await join(log, WORKER, body=None)
    for partition in range(PARTITIONS):
        reader = log.reader()
        claimed = await grab(log, 1, partition=partition)
        await ask(log, wish(1, job_id=None, run_id=f"{job_in(log, partition)}-x1"))  # type: ignore[arg-type]
        assert (await wait_wake(reader, {partition: claimed.wake}, 1)).partitions == {partition}
        await reader.close()


async def test_names_stand_in_a_slot_of_their_own(log: Log) -> None:
    one, other = job_in(log, 0), job_in(log, 1)
    assert await reserve_name(log, "g", "n", one, "c1") == Reserved()
    assert await reserve_name(log, "g", "n", other, "c2") == NameTaken(one, "c1")


async def test_a_client_that_knows_the_slots_of_yesterday_learns_todays(log: Log) -> None:
    owners = list(log.nodes.owners)
    first, last = owners[0], owners[-1]
    log.nodes.owners[:] = [last if owner == first else first for owner in owners]
    for partition in range(PARTITIONS):
        assert await past(log, 0, partition)

    async def learnt() -> bool:
        return log.nodes.owners == owners

    await waiting.until(learnt, within=10, what="all slots are looked up anew")


async def test_a_server_that_holds_names_alone_is_asked_whether_it_takes_writes(
    log: Log, redis_cluster_urls: tuple[str, str]
) -> None:
    """No partition is on it: jobs could not be created, and everything else would be well."""
    prefix = next(
        name
        for name in (f"w{n}" for n in range(100))
        if log.nodes.holder(Keys(name).names_meta) is not log.nodes.holder(Keys(name).partition(0, "meta"))
    )
    settings = LogSettings(url=redis_cluster_urls[0], prefix=prefix)
    await initialise(settings, partitions=1, queues=QUEUES)
    apart = await Log.connect(settings, role="test")
    try:
        await open_all(apart, epoch=1)
        await check_writable(apart)
        await apart.execute(apart.keys.names_meta, "CONFIG", "SET", "min-replicas-to-write", 1)
        await check_server(apart, 0)
        with pytest.raises(LogRefuses, match="NOREPLICAS"):
            await check_writable(apart)
    finally:
        await apart.execute(apart.keys.names_meta, "CONFIG", "SET", "min-replicas-to-write", 0)
        await apart.close()
