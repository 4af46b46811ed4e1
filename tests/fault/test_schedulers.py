"""Schedulers are killed, paused past their term and restarted, the store is killed, jobs change: no instant notices.

A seed decides who, in which order, after how long, and what becomes of the jobs. It is printed, and given again by
`WATERCLOCK_FAULT_SEED=…`.
"""

import asyncio
import re
import signal
import time
from collections.abc import Iterable
from pathlib import Path
from random import Random  # noqa: TID251  a campaign that its seed repeats
from typing import Literal

import pytest

from tests.fault.test_kills import chosen_seed
from tests.support import proofs, waiting
from tests.support.campaign import Campaign, besieged
from tests.support.churn import Churn
from tests.support.evidence import Evidence
from tests.support.listening import Listener
from tests.support.stalls import Span, watched
from waterclock.kit.clock import SystemClock
from waterclock.model.events import EpochBegan
from waterclock.model.timestamps import stamp

Blow = Literal["kill", "pause", "restart", "store"]

ROUND: tuple[Blow, ...] = ("kill", "pause", "restart", "store", "kill")
PARTITIONS, SCHEDULERS = 2, 3
PAUSED = (2.0, 4.0)  # s; a term is 1.5
LATE_MS = 5_000
FLOWING = 30.0  # s until all partitions are decided again
READY = 30.0  # s until a scheduler that ended runs again; pauses between starts grow to 5
READY_LINE = re.compile(r"^scheduler-\d+ .*: ready ", re.MULTILINE)


@pytest.mark.timeout(300)
async def test_no_instant_is_lost_doubled_or_late_whatever_befalls_schedulers(tmp_path: Path) -> None:
    await wage(tmp_path, seconds=30, seed=chosen_seed())


@pytest.mark.soak
@pytest.mark.timeout(3600)
async def test_no_instant_is_lost_doubled_or_late_in_half_an_hour(tmp_path: Path) -> None:
    await wage(tmp_path, seconds=1800, seed=chosen_seed())


async def wage(folder: Path, *, seconds: float, seed: int) -> None:
    print(f"seed {seed}; all that was said: {folder}/output.log")  # noqa: T201  shown if it fails
    chance, began = Random(seed), SystemClock().now_ms()
    async with besieged(folder, workers=1, schedulers=SCHEDULERS) as campaign, watched() as stalls:
        churn = await Churn.start(campaign.api_url, seed=seed, ticking=6, changing=5, partitions=PARTITIONS)
        ticks = [churn.stream_of(name) for name in churn.ticking[:PARTITIONS]]
        async with asyncio.TaskGroup() as tasks:
            changing = tasks.create_task(churn.go_on(), name="change jobs")
            listening = [tasks.create_task(tick.listen(), name="listen") for tick in ticks]
            store_kills = await strike_all(campaign, chance, ticks, until=time.monotonic() + seconds)
            churn.stop()
            await changing
            await campaign.well()
            await churn.end_schedules()
            ended = SystemClock().now_ms()
            evidence = await campaign.settled()
            verdict = await churn.verdict(stamp(began), stamp(ended))
            for task in listening:
                task.cancel()
    lateness = [proofs.lateness(entries, [*stalls, *outages(entries, store_kills)])
                for entries in evidence.archives.values()]  # fmt: skip
    worst = max((late for one in lateness for late in one.values()), default=0)
    print(  # noqa: T201
        f"{verdict['instants']} instants of {verdict['jobs']} jobs, {churn.changes} changes, store killed"
        f" {len(store_kills)} times, stalls {[stall.ended - stall.began for stall in stalls]},"
        f" latest decision {worst} ms; answers {dict(churn.answers)}"
    )
    faults = [*broken(churn, evidence), *refuted(verdict)]
    for one in lateness:
        faults += [f"{what}: decided {late} ms late" for what, late in one.items() if late > LATE_MS]
    assert not faults, "\n".join([f"seed {seed}", *faults[:100]])


async def strike_all(campaign: Campaign, chance: Random, ticks: list[Listener], *, until: float) -> list[int]:
    """Blow after blow, whole rounds, each when the one before is healed; when the store was killed, ms."""
    store_kills: list[int] = []
    while time.monotonic() < until:
        for blow in chance.sample(ROUND, len(ROUND)):
            await asyncio.sleep(chance.uniform(0, 1))  # the moment is the point
            at = SystemClock().now_ms()
            if blow == "store":
                store_kills.append(at)
                campaign.tell("killing the store")
                campaign.signal(signal.SIGKILL, "redis")
            else:
                await strike(campaign, chance, blow)
            for tick in ticks:
                await tick.first("run.requested", since=stamp(at + 1_000), within=FLOWING)
            campaign.tell(f"decisions flow again after {SystemClock().now_ms() - at} ms")
    return store_kills


async def strike(campaign: Campaign, chance: Random, blow: Literal["kill", "pause", "restart"]) -> None:
    victim = chance.choice(campaign.names("scheduler"))
    campaign.tell(f"{blow} {victim}")
    if blow == "pause":
        await campaign.pause(chance.uniform(*PAUSED), victim)
        return
    starts = _starts(campaign)
    campaign.signal(signal.SIGKILL if blow == "kill" else signal.SIGTERM, victim)

    async def started_again() -> bool:
        return _starts(campaign) > starts

    await waiting.until(started_again, within=READY, what=f"{victim} runs again")


def _starts(campaign: Campaign) -> int:
    return len(READY_LINE.findall(campaign.output.read_text()))


def outages(entries: Iterable[proofs.Entry], store_kills: list[int]) -> list[Span]:
    """One partition: from each kill of the store until it was opened again."""
    openings = [entry.at for entry in entries if isinstance(entry.event, EpochBegan)]
    return [Span(killed, min((at for at in openings if at >= killed), default=killed)) for killed in store_kills]


def broken(churn: Churn, evidence: Evidence) -> Iterable[str]:
    entries = evidence.entries
    now = SystemClock().now_ms()
    for partition, archived in evidence.archives.items():
        yield from proofs.chain(archived)
        yield from proofs.alike(archived, evidence.streams[partition])
    yield from proofs.runs_end_once(entries)
    yield from proofs.instants_are_decided(entries, now_ms=now)
    yield from proofs.told_as_decided(entries, now_ms=now)
    yield from (f"read models: {difference}" for difference in evidence.differences)
    yield from churn.surprises


def refuted(verdict: dict[str, object]) -> Iterable[str]:
    """What the API's own proof finds."""
    if not verdict["ok"] or verdict["pending"]:
        yield f"GET /ledger/verify: {verdict}"
