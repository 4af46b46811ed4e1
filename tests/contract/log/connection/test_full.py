"""A server at its memory limit: nothing new, but whatever frees memory or takes the load off."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest
import pytest_asyncio

from tests.contract.log.build import QUEUES, J, create, ending, finish, grab, job_of, open_all, run_of, wish
from waterclock.log.client import Log, LogSettings
from waterclock.log.commands import first_seen, names
from waterclock.log.commands.aside import announced
from waterclock.log.commands.bodies import part
from waterclock.log.commands.idempotency import Command, Replayed
from waterclock.log.commands.jobs import Appended, define
from waterclock.log.commands.mutes import mute, unmute
from waterclock.log.commands.queues import Paused, depths, set_paused
from waterclock.log.commands.requests import request
from waterclock.log.connection.errors import LogFull
from waterclock.log.liveness import sessions
from waterclock.log.liveness.leadership import acquire, release
from waterclock.log.recovery.opening import prepare
from waterclock.model.events import (
    JobChanged,
    JobDeleted,
    JobDisabled,
    LeadershipTaken,
    NoticesMuted,
    NoticesUnmuted,
    QueuePaused,
    QueueResumed,
)
from waterclock.model.ids import created_mute
from waterclock.model.positions import Position
from waterclock.model.timestamps import stamp


@pytest_asyncio.fixture
async def log(any_redis_url: str, key_prefix: str) -> AsyncGenerator[Log]:
    log = await Log.reach(LogSettings(url=any_redis_url, prefix=key_prefix), role="test")
    try:
        await prepare(log, partitions=1, queues=QUEUES)
        await log.refresh()
        await open_all(log, epoch=1)
        yield log
    finally:
        await log.close()


@asynccontextmanager
async def full(log: Log) -> AsyncGenerator[None]:
    await log.execute("", "CONFIG", "SET", "maxmemory", "1")
    try:
        yield
    finally:
        await log.execute("", "CONFIG", "SET", "maxmemory", "0")


async def test_a_job_can_be_disabled_and_deleted_and_not_enabled_or_changed(log: Log) -> None:
    await create(log, job_id=J)
    command = Command(id="off", client=True)
    async with full(log):
        off = await _define(log, 1, JobDisabled(job_id=J, version=2), enabled=False, command=command)
        assert isinstance(off, Appended)
        again = await _define(log, 1, JobDisabled(job_id=J, version=2), enabled=False, command=command)
        assert isinstance(again, Replayed)
        changed = JobChanged(job_id=J, version=3, definition=job_of(version=3).definition)
        with pytest.raises(LogFull):
            await _define(log, 2, changed, enabled=True)
        with pytest.raises(LogFull):
            await create(log, job_id=J)
        gone = await define(
            log, J, command=Command(id="gone"), expected_version=2, expected_mark=None, through=None, units=(),
            event=JobDeleted(job_id=J, version=3), job=None,
        )  # fmt: skip
        assert isinstance(gone, Appended)


async def test_a_queue_can_be_paused_and_resumed_also_by_a_repeated_command(log: Log) -> None:
    async with full(log):
        pause = QueuePaused(queue="default", actor="me")
        command = Command(id="pause", client=True)
        assert isinstance(await set_paused(log, command=command, event=pause), Paused)
        assert isinstance(await set_paused(log, command=command, event=pause), Replayed)
        assert (await depths(log, 0)).queues["default"].paused
        assert isinstance(
            await set_paused(log, command=Command(id="resume"), event=QueueResumed(queue="default", actor="me")), Paused
        )


async def test_notices_can_be_muted_and_unmuted(log: Log) -> None:
    mute_id = created_mute(None, "mute")
    async with full(log):
        wanted = NoticesMuted(mute_id=mute_id, group="reports", until=stamp(1), reason="Redis is full")
        assert isinstance(await mute(log, command=Command(id="mute"), event=wanted), Position)
        over = NoticesUnmuted(mute_id=mute_id)
        assert isinstance(await unmute(log, command=Command(id="unmute"), event=over), Position)


async def test_a_name_is_released_and_none_reserved(log: Log) -> None:
    await names.reserve_name(log, "DEFAULT", "a", J, "c")
    async with full(log):
        await names.release_name(log, "DEFAULT", "a", J)
        with pytest.raises(LogFull):
            await names.reserve_name(log, "DEFAULT", "b", J, "c")


async def test_a_scheduler_takes_keeps_and_gives_up_the_leadership(log: Log) -> None:
    body = part(LeadershipTaken, scheduler="one")
    async with full(log):
        first = await acquire(log, 0, scheduler="one", ttl_ms=60_000, body=body)
        kept = await acquire(log, 0, scheduler="one", ttl_ms=60_000, body=body, next_at=7)
        assert (first.mine, kept.mine, kept.term) == (True, True, first.term)
        await release(log, 0, scheduler="one", term=first.term)
        other = part(LeadershipTaken, scheduler="two")
        assert (await acquire(log, 0, scheduler="two", ttl_ms=60_000, body=other)).mine


async def test_a_worker_that_starts_then_takes_what_waits_and_ends_it(log: Log) -> None:
    await create(log, job_id=J, concurrent="0")
    for number in (1, 2):
        await request(log, wish(number), command=Command(id=f"ask {number}"))
    async with full(log):
        with pytest.raises(LogFull):
            await request(log, wish(3), command=Command(id="ask 3"))
        await sessions.join(log, "late", body=None)
        first = await grab(log, 1, slots=1, session="late")
        await finish(log, ending(first.grants[0]))
        second = await grab(log, 2, slots=3, session="late")
        assert len(second.grants) == 1
        await sessions.leave(log, "late", body=None)


async def test_a_worker_sets_aside_what_it_cannot_run_and_finds_what_it_can(log: Log) -> None:
    await create(log, job_id=J, concurrent="0")
    for number, target in enumerate(("of.others", "own")):
        await request(log, wish(number, target=target), command=Command(id=f"ask {number}"))
    own, others = announced(("own",)), announced(("of.others",))
    async with full(log):
        await sessions.join(log, "one", body=None, executors=own)
        [grant] = (await grab(log, 1, session="one")).grants
        assert grant.run_id == run_of(1)
        assert (await depths(log, 0)).queues["default"].aside == 1
        await sessions.join(log, "other", body=None, executors=others)
        [grant] = (await grab(log, 1, session="other")).grants
        assert grant.run_id == run_of(0)
        await sessions.leave(log, "other", body=None)


async def test_a_command_about_many_runs_is_noted_if_it_cancels(log: Log) -> None:
    command = Command(id="all", client=True)
    async with full(log):
        with pytest.raises(LogFull):
            await first_seen.first_heard(log, command)
        assert isinstance(noted := await first_seen.first_heard(log, command, relieving=True), first_seen.Noted)
        assert await first_seen.first_heard(log, command, relieving=True) == first_seen.Noted(noted.at, again=True)


async def _define(
    log: Log, version: int, event: JobDisabled | JobChanged, *, enabled: bool, command: Command | None = None
) -> object:
    return await define(
        log,
        J,
        command=command or Command(id=f"to {version + 1}"),
        expected_version=version,
        expected_mark=None,
        through=None,
        units=(),
        event=event,
        job=job_of(version=version + 1, status="0" if enabled else "1"),
        bars=not enabled,
    )
