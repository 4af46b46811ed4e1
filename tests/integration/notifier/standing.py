"""An installation whose parts are led, stopped and started by a test, and notifiers that look at it often."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec

from tests.integration.notifier.test_notifier import HERE, Receiver, unchecked, until, written
from tests.integration.stage import Stage
from waterclock.kit.clock import SystemClock
from waterclock.log.client import Log, LogSettings
from waterclock.log.commands.bodies import part
from waterclock.log.liveness import leadership
from waterclock.model.events import LeadershipTaken
from waterclock.model.notices.rules import Heartbeat
from waterclock.store.connection.pool import open_pool
from waterclock_api.notifier.delivery.notice_details import NoticeDetails
from waterclock_api.notifier.delivery.outcome import Again, Delivered, Outcome
from waterclock_api.notifier.installation.pace import Pace
from waterclock_api.notifier.rules_source import RulesSource
from waterclock_api.notifier.service import Notifier

EVERY = 0.3  # s between two heartbeats
PACE = Pace(look=0.1, patience=1.0, gap=3.0, quiet=0.5, executors=0.1, behind=0.5)
SOON = 15.0  # s: nothing here takes so long, but on a machine that is busy
RULES = """
channels:
  ops: {webhook: "https://ops.example/hook", secret: "env:OPS_SECRET"}
rules:
  - {name: clock, match: {group: of nobody}, on: [clock, recovered], channels: [ops]}
clockAfter: 1
"""
_LEADER, _BODY = "test", part(LeadershipTaken, scheduler="test")


class Switch:
    """A dead man's switch of another system; `refuses`: it answers, and takes nothing."""

    def __init__(self) -> None:
        self.beats: list[float] = []  # s, monotonic
        self.tries = 0
        self.refuses = False

    async def __call__(self, heartbeat: Heartbeat) -> Outcome:
        assert heartbeat.url == "https://switch.example"
        self.tries += 1
        if self.refuses:
            return Again(said="https://switch.example answered 503")
        self.beats.append(time.monotonic())
        return Delivered()

    async def beats_again(self) -> None:
        before = len(self.beats)
        await until(lambda: len(self.beats) > before, within=SOON, what="the next heartbeat")


def rules_in(folder: Path, text: str = RULES) -> Path:
    return written(folder, text)


async def lead(log: Log, *, next_at: int = 0, seconds: float = 120.0) -> None:
    """Lead all partitions for so long, and say what is to be decided there."""
    for partition in range(log.partitions):
        for _ in range(2):  # whoever has just become the leader says nothing of it
            found = await leadership.acquire(
                log, partition, scheduler=_LEADER, ttl_ms=int(seconds * 1000), body=_BODY, next_at=next_at
            )
            assert found.mine


async def abandon(log: Log) -> None:
    for partition in range(log.partitions):
        found = await leadership.acquire(log, partition, scheduler=_LEADER, ttl_ms=60_000, body=_BODY)
        await leadership.release(log, partition, scheduler=_LEADER, term=found.term)


@asynccontextmanager
async def watching(
    stage: Stage, rules: Path, receiver: Receiver, *, switch: Switch | None = None, pace: Pace = PACE
) -> AsyncGenerator[Notifier]:
    """One more notifier, with ways of its own to the stores, which judges when it is given."""
    settings = LogSettings(url=stage.redis_url, prefix=stage.log.keys.prefix)
    pool = await open_pool(str(stage.pool.conninfo), name="notifier", min_size=1, max_size=4)
    log = await Log.connect(settings, role="notifier")
    stop = asyncio.Event()
    try:
        source = await RulesSource.begin(rules, unchecked)
        if switch is not None:  # more often than a file may say
            heartbeat = Heartbeat(url="https://switch.example", every=EVERY)
            file = msgspec.structs.replace(source.rules.file, heartbeat=heartbeat)
            source.rules = source.rules._replace(file=file)
        work = Notifier(log, pool, source, receiver, SystemClock(), here=HERE, beat=switch, pace=pace)
        async with asyncio.timeout(90), asyncio.TaskGroup() as tasks:
            tasks.create_task(work.run(stop, asyncio.Event()))
            try:
                await until(lambda: work.sharing, within=SOON, what="that it shares the partitions")
                yield work
            finally:
                stop.set()
    finally:
        await pool.close()
        await log.close()


def reasons(receiver: Receiver) -> list[tuple[str, str]]:
    """What was told of the installation: the kind, and the trouble with what it is about."""
    return [(one.kind, f"{one.trouble} {one.about}".rstrip()) for one in notices_of(receiver)]


def notices_of(receiver: Receiver) -> list[NoticeDetails]:
    return [one for one in receiver.told if isinstance(one, NoticeDetails)]


async def tells(receiver: Receiver, *wanted: tuple[str, str]) -> None:
    """Until exactly this was told of these troubles: where others keep the machine busy, there may be more of them."""
    troubles = {trouble.partition(" ")[0] for _, trouble in wanted}

    def told() -> list[tuple[str, str]]:
        return [one for one in reasons(receiver) if one[1].partition(" ")[0] in troubles]

    await until(lambda: len(told()) >= len(wanted), within=SOON, what=f"{wanted}, not {reasons(receiver)}")
    assert told() == list(wanted), reasons(receiver)


async def is_kept(stage: Stage, *kinds: str) -> bool:
    """Whether the outbox holds these, and all are delivered."""
    query = "SELECT kind, state FROM notice_deliveries JOIN notices ON id = notice_id ORDER BY kind, number"
    return await stage.rows(query) == [(kind, "delivered") for kind in sorted(kinds)]
