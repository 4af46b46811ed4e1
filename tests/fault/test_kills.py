"""Everything is killed, in turn and together, while it works; then all that ever happened is held against the promises.

The long campaign also pauses: a process that goes on after its time was over is the one that could do harm.

A seed decides whom, in which order, after how long, and what clients ask. It is printed, and given again by
`WATERCLOCK_FAULT_SEED=…`; what it cannot repeat is where each process was when it died.
"""

import asyncio
import contextlib
import os
import secrets
import signal
from collections.abc import Iterable
from itertools import chain
from pathlib import Path
from random import Random  # noqa: TID251  a campaign that its seed repeats
from typing import NamedTuple

import pytest

from tests.support import proofs, waiting
from tests.support.campaign import KINDS, LEASE, Campaign, besieged
from tests.support.evidence import Evidence
from tests.support.listening import Listener
from tests.support.load import Load
from tests.support.verdict import broken, misheard
from waterclock.kit.clock import SystemClock
from waterclock.model.events import RunRequested
from waterclock.model.timestamps import stamp

FLOWING = 30.0  # s from a kill until a run that was due after it has succeeded
HEARD = 20.0  # s until a listener has caught up


class Blow(NamedTuple):
    victims: list[str]
    after: float  # s
    lets_recover: bool
    pause: float | None = None  # s that they stand still; None: they are killed


@pytest.mark.timeout(300)
async def test_nothing_is_lost_or_doubled_whoever_is_killed(tmp_path: Path) -> None:
    await wage(tmp_path, rounds=1, seed=chosen_seed(), pauses=False)


@pytest.mark.soak
@pytest.mark.timeout(3600)
async def test_nothing_is_lost_or_doubled_in_a_long_campaign(tmp_path: Path) -> None:
    await wage(tmp_path, rounds=20, seed=chosen_seed(), pauses=True)


async def wage(folder: Path, *, rounds: int, seed: int, pauses: bool) -> None:
    print(f"seed {seed}; all that was said: {folder}/output.log")  # noqa: T201  shown if it fails
    chance = Random(seed)
    async with besieged(folder) as campaign:
        load = await Load.begin(campaign.api_url, seed=seed)
        listeners = {name: load.stream_of(name) for name in ("tick", "serial", "flipped")}
        listeners["by-hand"] = load.stream_of("by-hand", hangs_up_after=100)
        async with asyncio.TaskGroup() as tasks:
            asking = tasks.create_task(load.go_on(), name="load")
            listening = [tasks.create_task(one.listen(), name="listen") for one in listeners.values()]
            for blow in chain.from_iterable(blows(campaign, chance, pauses=pauses) for _ in range(rounds)):
                await strike(campaign, blow, load, listeners["tick"])
            await campaign.well()
            load.stop()
            await asking
            await load.end_schedules()
            evidence = await campaign.settled()
            behind = await behind_at_the_end(listeners, load, evidence)
            for task in listening:
                task.cancel()
    print(summary(load, [*listeners.values()], evidence))  # noqa: T201
    faults = [*behind, *broken(load, evidence)]
    if "Traceback" in (said := campaign.output.read_text()):  # an outage is no bug: it is one line
        faults.append(said[said.index("Traceback") :][:3000])
    for name, listener in listeners.items():
        faults += misheard(f"stream of {name}", listener, evidence.of_job(load.jobs[name]))
    for run_id, listener in load.followed.items():
        faults += misheard(f"stream of run {run_id}", listener, proofs.through_end(evidence.of_run(run_id)))
    assert not faults, "\n".join([f"seed {seed}", *faults[:100]])


def blows(campaign: Campaign, chance: Random, *, pauses: bool) -> Iterable[Blow]:
    """A round: each kind of process in turn, one or all of its kind, then some kinds together, then one is paused."""
    for kind in chance.sample(KINDS, len(KINDS)):
        names = campaign.names(kind)
        victims = names if chance.random() < 0.3 else [chance.choice(names)]
        yield Blow(victims, after=chance.uniform(0, 1.5), lets_recover=chance.random() < 0.6)
    several = chance.sample(KINDS, chance.randint(2, len(KINDS)))
    yield Blow(campaign.names(*several), after=chance.uniform(0, 1.5), lets_recover=True)
    if pauses:
        victim = chance.choice(campaign.names(*KINDS))
        yield Blow([victim], after=chance.uniform(0, 1.5), lets_recover=True, pause=chance.uniform(0.5, 4 * LEASE))


async def strike(campaign: Campaign, blow: Blow, load: Load, tick: Listener) -> None:
    await asyncio.sleep(blow.after)  # the moment is the point
    if blow.pause is None:
        campaign.tell(f"killing {', '.join(blow.victims)}")
        campaign.signal(signal.SIGKILL, *blow.victims)
    else:
        campaign.tell(f"pausing {', '.join(blow.victims)} for {blow.pause:.1f} s")
        await campaign.pause(blow.pause, *blow.victims)
    if blow.lets_recover:
        await flows_again(campaign, load, tick)


async def flows_again(campaign: Campaign, load: Load, tick: Listener) -> None:
    """Everybody does his work: after the kill a run is requested, one is heard to succeed, and read to have."""
    struck = SystemClock().now_ms()
    await tick.first("run.requested", since=stamp(struck), within=FLOWING)
    succeeded = await tick.first("run.succeeded", since=stamp(struck), within=FLOWING)
    run_id = succeeded["runId"]
    await waiting.until(lambda: load.succeeded(run_id), within=FLOWING, what=f"{run_id} is read to have succeeded")
    campaign.tell(f"it flows again after {SystemClock().now_ms() - struck} ms")


async def behind_at_the_end(listeners: dict[str, Listener], load: Load, evidence: Evidence) -> list[str]:
    """Listeners that had not heard the last event after some time: the rest of their faults may follow from it."""
    ends = {name: str(evidence.of_job(load.jobs[name])[-1].position) for name in listeners}

    def behind() -> list[str]:
        places = {name: one.heard[-1]["id"] if one.heard else None for name, one in listeners.items()}
        return [f"stream of {name} came to {place}" for name, place in places.items() if place != ends[name]]

    async def look() -> bool:
        return not behind()

    with contextlib.suppress(AssertionError):
        await waiting.until(look, within=HEARD, what="listeners have caught up")
    return behind()


def summary(load: Load, listeners: list[Listener], evidence: Evidence) -> str:
    runs = sum(isinstance(entry.event, RunRequested) for entry in evidence.entries)
    epochs = [archived[-1].position.epoch for archived in evidence.archives.values()]
    return (
        f"{len(evidence.entries)} events, {runs} runs, {len(load.answered)} triggers answered, {len(load.unsure)} not;"
        f" epochs {epochs}; answers {dict(load.answers)}; streams opened {[one.connections for one in listeners]}"
    )


def chosen_seed() -> int:
    return int(os.environ.get("WATERCLOCK_FAULT_SEED") or secrets.randbelow(1_000_000))
