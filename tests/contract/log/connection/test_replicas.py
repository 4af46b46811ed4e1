"""With a replica's word asked for: nothing is acknowledged before a replica has it, not even what is answered again."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from pathlib import Path
from typing import NamedTuple

import pytest
import pytest_asyncio

from tests.contract.log.build import (
    QUEUES,
    WORKER,
    J,
    ask,
    create,
    decided,
    ending,
    finish,
    grab,
    open_all,
    tags_of,
    wish,
)
from tests.support.asking import ask as ask_server
from tests.support.replicas import Replicas, replicated
from waterclock.log.client import Log, LogSettings
from waterclock.log.commands.jobs import Appended
from waterclock.log.commands.requests import Unit
from waterclock.log.connection.errors import LogUnfit, NotReplicated
from waterclock.log.liveness.sessions import join
from waterclock.log.recovery.opening import initialise

TIMEOUT = 0.6  # s; a replica is waited for half as long


class Waiting(NamedTuple):
    """`log` asks for a replica's word, `hasty` does not."""

    log: Log
    hasty: Log
    pair: Replicas

    def hold(self) -> None:
        """From now on the replica hears nothing."""
        self.pair.link(self.pair.members[1]).hold()

    async def release(self) -> None:
        self.pair.link(self.pair.members[1]).release()
        await self.pair.in_step(self.pair.members[1], self.pair.members[0])


@pytest_asyncio.fixture
async def waiting(tmp_path: Path) -> AsyncGenerator[Waiting]:
    """An open log with a job and a session, on a primary whose replica is in step."""
    async with replicated(tmp_path) as pair:
        settings = LogSettings(url=pair.members[0].url, timeout=TIMEOUT)
        await initialise(settings, partitions=1, queues=QUEUES)
        hasty = await Log.connect(settings, role="test")
        await open_all(hasty, epoch=1)
        waits = LogSettings(url=settings.url, timeout=TIMEOUT, replicas=1)
        log = await Log.connect(waits, role="test")
        await join(log, WORKER, body=None)
        try:
            yield Waiting(log, hasty, pair)
        finally:
            await log.close()
            await hasty.close()


async def test_what_no_replica_has_is_not_acknowledged_and_is_when_it_is_asked_again(waiting: Waiting) -> None:
    made = await create(waiting.log)
    assert isinstance(made, Appended)
    waiting.hold()

    with pytest.raises(NotReplicated, match=r"may be done.*0 of 1 replicas"):
        await ask(waiting.log, wish(1))
    with pytest.raises(NotReplicated):
        await decided(waiting.log, Unit(job_id=J, version=1, mark=made.mark, through=made.mark + 1, items=()))
    with pytest.raises(NotReplicated):
        await grab(waiting.log, 1)

    await waiting.release()
    await ask(waiting.log, wish(1))
    (grant,) = (await grab(waiting.log, 1)).grants
    waiting.hold()
    with pytest.raises(NotReplicated):
        await finish(waiting.log, ending(grant))
    await waiting.release()
    assert await finish(waiting.log, ending(grant)) == ["repeated"]
    assert (await tags_of(waiting.log))[2:] == ["run.requested", "run.started", "run.succeeded"]


async def test_an_answer_given_again_waits_for_what_another_connection_wrote(waiting: Waiting) -> None:
    await create(waiting.log)  # so the replica has said that it has all that this connection wrote
    waiting.hold()
    await ask(waiting.hasty, wish(1))
    (grant,) = (await grab(waiting.hasty, 1)).grants
    await finish(waiting.hasty, ending(grant))

    with pytest.raises(NotReplicated):
        await ask(waiting.log, wish(1))
    with pytest.raises(NotReplicated):
        await finish(waiting.log, ending(grant))
    with pytest.raises(NotReplicated):
        await create(waiting.log)

    await waiting.release()
    assert await finish(waiting.log, ending(grant)) == ["repeated"]


async def test_a_claim_that_grants_nothing_waits_for_nobody(waiting: Waiting) -> None:
    waiting.hold()
    assert (await grab(waiting.log, 1)).grants == []


async def test_what_is_acknowledged_is_on_the_replica(waiting: Waiting) -> None:
    """The primary is killed at once after the answer, as often as it is tried."""
    await create(waiting.log)
    for number in range(1, 20):
        await ask(waiting.log, wish(number))
    old, new = waiting.pair.members
    await old.kill()
    await waiting.pair.promote(new)
    key = waiting.log.keys.partition(0, "runs")
    assert await ask_server(new, "HLEN", key) == 19


async def test_a_server_that_refuses_to_wait_refuses_the_start(waiting: Waiting) -> None:
    server = waiting.pair.members[0]
    await ask_server(server, "ACL", "SETUSER", "hurried", "on", ">secret", "~*", "+@all", "-wait")
    url = server.url.replace("//", "//hurried:secret@")
    with pytest.raises(LogUnfit, match=r"WATERCLOCK_LOG_REPLICAS: .* refuses WAIT"):
        await Log.connect(LogSettings(url=url, replicas=1), role="test")
    log = await Log.connect(LogSettings(url=url), role="test")
    await log.close()
