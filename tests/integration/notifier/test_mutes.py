"""What is muted is judged and recorded, and not sent; whoever sends, and whoever was stopped meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path

import pytest

from tests.integration.notifier.test_notifier import (
    HERE,
    JOB,
    Receiver,
    created,
    notifying,
    rules,
    run,
    unchecked,
    until,
)
from tests.integration.stage import Stage, append, staged
from waterclock.kit.clock import SystemClock
from waterclock.log.clock import server_time
from waterclock.model.definition import Definition
from waterclock.model.events import (
    JobCreated,
    NoticesMuted,
    NoticesUnmuted,
    RunFailed,
    RunRequested,
    RunStarted,
    StoredEvent,
)
from waterclock.model.ids import JobId, MuteId, RunId
from waterclock.model.outcomes import Error
from waterclock.model.timestamps import stamp
from waterclock.store.connection.pool import Connection
from waterclock.store.notices import mutes
from waterclock.store.notices.deliveries import Claimed
from waterclock_api.notifier.delivery.channels import Channel
from waterclock_api.notifier.delivery.notice_details import ChannelTest, DigestDetails, NoticeDetails
from waterclock_api.notifier.delivery.outcome import Outcome
from waterclock_api.notifier.rules_source import RulesSource
from waterclock_api.notifier.service import Notifier

__all__ = ["rules"]
MUTE = MuteId(f"{JOB}-m1")


@pytest.fixture
async def stage(redis_url: str, key_prefix: str, migrated_postgres_url: str) -> AsyncGenerator[Stage]:
    async with staged(redis_url, key_prefix, migrated_postgres_url) as made, made.projecting():
        yield made


async def happen(stage: Stage, events: list[StoredEvent]) -> int:
    """Events are appended with the present time; which, ms."""
    now = await server_time(stage.log, stage.log.keys.partition(0, "meta"))
    await append(stage, events, at=now)
    return now


async def mute(stage: Stage, *, seconds: float = 3600, job: JobId | None = JOB, group: str | None = None) -> None:
    now = await server_time(stage.log, stage.log.keys.partition(0, "meta"))
    wanted = NoticesMuted(
        mute_id=MUTE, job_id=None if group else job, group=group, until=stamp(now + round(1000 * seconds)), reason="r"
    )
    await happen(stage, [wanted])
    await stage.projected()


async def unmute(stage: Stage) -> None:
    await happen(stage, [NoticesUnmuted(mute_id=MUTE, job_id=JOB)])
    await stage.projected()


async def states(stage: Stage) -> Sequence[tuple[object, ...]]:
    return await stage.rows("SELECT kind, state FROM notice_deliveries JOIN notices ON id = notice_id ORDER BY number")


async def settled(stage: Stage, *expected: tuple[str, str]) -> None:
    async def are() -> bool:
        return list(await states(stage)) == list(expected)

    await until(are, within=15, what=f"{expected}")


@pytest.mark.parametrize("group", [None, "DEFAULT"])
async def test_what_happens_while_a_mute_is_in_force_is_recorded_and_not_sent(
    stage: Stage, rules: Path, group: str | None
) -> None:
    receiver = Receiver()
    await happen(stage, [created()])
    await stage.projected()
    async with notifying(stage, rules, receiver):
        await mute(stage, group=group)
        await happen(stage, run(1, fails=True))
        await settled(stage, ("failed", "muted"))
        await happen(stage, run(2, fails=False))
        await settled(stage, ("failed", "muted"), ("recovered", "muted"))  # of a failure that nobody knows of
    assert receiver.told == []
    [(said,)] = await stage.rows("SELECT DISTINCT said FROM notice_deliveries WHERE state = 'muted'")
    assert said == MUTE


async def test_who_was_told_of_a_failure_is_told_of_its_end_though_it_is_muted(stage: Stage, rules: Path) -> None:
    receiver = Receiver()
    await happen(stage, [created()])
    await stage.projected()
    async with notifying(stage, rules, receiver):
        await happen(stage, run(1, fails=True))
        await until(lambda: receiver.kinds == ["failed"], within=15, what="the failure")
        await mute(stage)
        await happen(stage, [*run(2, fails=False), *run(3, fails=True)])
        await until(lambda: receiver.kinds == ["failed", "recovered"], within=15, what="the recovery")
        await settled(stage, ("failed", "delivered"), ("recovered", "delivered"), ("failed", "muted"))


async def test_what_was_muted_stays_so_though_nobody_sent_before_the_mute_was_over(stage: Stage, rules: Path) -> None:
    receiver = Receiver()
    await happen(stage, [created()])
    await stage.projected()
    async with notifying(stage, rules, receiver):
        pass
    await mute(stage)
    await happen(stage, [*run(1, fails=True), *run(2, fails=False)])
    await unmute(stage)
    async with notifying(stage, rules, receiver):
        await settled(stage, ("failed", "muted"), ("recovered", "muted"))
        await happen(stage, run(3, fails=True))
        await until(lambda: receiver.kinds == ["failed"], within=15, what="what comes afterwards")


async def test_a_mute_holds_for_all_that_is_sent_once_it_is_archived_whoever_sends(stage: Stage, rules: Path) -> None:
    """Two notifiers, and a channel that was not there before the mute."""
    receiver = Receiver()
    receiver.broken = True
    await happen(stage, [created()])
    await stage.projected()
    async with notifying(stage, rules, receiver):
        source = await RulesSource.begin(rules, unchecked)
        other = Notifier(stage.log, stage.pool, source, receiver, SystemClock(), here=HERE)
        stop = asyncio.Event()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(other.run(stop, asyncio.Event()))
            await happen(stage, run(1, fails=True))

            async def tried() -> bool:
                return await stage.rows("SELECT FROM notice_deliveries WHERE failures > 0") != []

            await until(tried, within=15, what="a try")
            await mute(stage)
            receiver.broken = False
            await settled(stage, ("failed", "muted"))
            stop.set()
    assert receiver.told == []


async def test_what_is_claimed_when_the_mute_comes_is_not_sent(
    stage: Stage, rules: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The mute is archived after the message was claimed, and before it is sent."""
    receiver, settle = Receiver(), mutes.settle_claimed
    claimed, goes_on = asyncio.Event(), asyncio.Event()

    async def held(connection: Connection, one: Claimed, claim: str) -> bool:
        claimed.set()
        await goes_on.wait()
        return await settle(connection, one, claim)

    monkeypatch.setattr(mutes, "settle_claimed", held)
    await happen(stage, [created()])
    await stage.projected()
    async with notifying(stage, rules, receiver):
        await happen(stage, run(1, fails=True))
        async with asyncio.timeout(15):
            await claimed.wait()
        await mute(stage)
        goes_on.set()
        await settled(stage, ("failed", "muted"))
    assert receiver.told == []


async def test_a_message_under_way_when_the_mute_comes_is_noted_as_delivered(stage: Stage, rules: Path) -> None:
    class Slow(Receiver):
        def __init__(self) -> None:
            super().__init__()
            self.asked, self.goes_on = asyncio.Event(), asyncio.Event()

        async def __call__(self, channel: Channel, told: NoticeDetails | DigestDetails | ChannelTest) -> Outcome:
            self.asked.set()
            await self.goes_on.wait()
            return await super().__call__(channel, told)

    receiver = Slow()
    await happen(stage, [created()])
    await stage.projected()
    async with notifying(stage, rules, receiver):
        await happen(stage, run(1, fails=True))
        async with asyncio.timeout(15):
            await receiver.asked.wait()
        await mute(stage)
        receiver.goes_on.set()
        await settled(stage, ("failed", "delivered"))


@pytest.mark.parametrize("by_hand", [True, False])
async def test_what_lasts_when_a_mute_is_over_is_told_then_and_so_is_its_end(
    stage: Stage, rules: Path, by_hand: bool
) -> None:
    receiver = Receiver()
    await happen(stage, [created()])
    await stage.projected()
    async with notifying(stage, rules, receiver):
        await mute(stage, seconds=3600 if by_hand else 4)
        await happen(stage, run(1, fails=True))
        await settled(stage, ("failed", "muted"))
        assert receiver.told == []
        if by_hand:
            await unmute(stage)
        await until(lambda: receiver.kinds == ["failed"], within=15, what="the failure, once the mute is over")
        await happen(stage, run(2, fails=False))
        await until(lambda: receiver.kinds == ["failed", "recovered"], within=15, what="the recovery")


async def test_what_lasts_is_told_by_whom_the_mute_finds_over(stage: Stage, rules: Path) -> None:
    """The notifier that had kept it back is not there any more when the mute is over."""
    receiver, later = Receiver(), Receiver()
    await happen(stage, [created()])
    await stage.projected()
    async with notifying(stage, rules, receiver):
        await mute(stage)
        await happen(stage, run(1, fails=True))
        await settled(stage, ("failed", "muted"))
    await unmute(stage)
    async with notifying(stage, rules, later):
        await until(lambda: later.kinds == ["failed"], within=15, what="the failure")
    assert receiver.told == []


@pytest.mark.soak
async def test_a_flood_of_muted_ones_is_no_digest_and_a_digest_counts_them(stage: Stage, rules: Path) -> None:
    receiver, many = Receiver(), 60
    first, second, loud = ([JobId(f"{name}-{number}") for number in range(many)] for name in ("a", "b", "loud"))
    groups = {"quiet": [*first, *second], "loud": loud}
    await happen(stage, [defined(job, group) for group, jobs in groups.items() for job in jobs])
    await stage.projected()
    async with notifying(stage, rules, receiver):
        await mute(stage, group="quiet")
        await happen(stage, [event for job in first for event in failing(job)])
        await settled(stage, *[("failed", "muted")] * many)
        await happen(
            stage, [event for pair in zip(loud, second, strict=True) for job in pair for event in failing(job)]
        )
        await until(lambda: receiver.counted == many, within=40, what="all that is not muted")
    [digest] = [one for one in receiver.told if isinstance(one, DigestDetails)]
    assert digest.muted == many
    assert set(digest.counts) == {"failed"}


def defined(job: JobId, group: str) -> JobCreated:
    definition = Definition(job_name=job, job_group=group, invoke_target="a", cron_expression="0 2 * * *")
    return JobCreated(job_id=job, version=1, definition=definition)


def failing(job: JobId) -> list[StoredEvent]:
    run_id = RunId(f"{job}-1")
    error = Error(type="OSError", message="no route", traceback=None)
    return [
        RunRequested(run_id=run_id, job_id=job, trigger="schedule", invoke_target="a", queue="default"),
        RunStarted(run_id=run_id, job_id=job, worker="w", session="s", attempt=1, fence=1),
        RunFailed(run_id=run_id, job_id=job, attempt=1, fence=1, outcome="failed", error=error),
    ]
