"""The log's server crashes while everything works, and comes back with less than it had; the promises still hold."""

import signal
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import ClassVar

import pytest

from tests.support import campaign, damage, proofs, waiting
from tests.support.campaign import Campaign, besieged
from tests.support.load import JOBS, Load
from waterclock.kit.clock import SystemClock
from waterclock.model.events import LogForked
from waterclock_dev.servers.valkey import Valkey

FLOWING = 30.0  # s until a run that was asked for has succeeded
WORK = {name: JOBS[name] for name in ("tick", "serial", "fold", "by-hand")}


class Fragile(Valkey, frozen=True, kw_only=True):
    """A server that comes back as it is hurt."""

    hurts: ClassVar[list[Callable[[Path], None]]] = []

    async def prepare(self) -> None:
        await super().prepare()
        while self.hurts:
            self.hurts.pop()(self.data)


@pytest.mark.timeout(240)
async def test_everything_goes_on_after_the_log_lost_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(campaign, "Valkey", Fragile)
    async with besieged(tmp_path, workers=1, schedulers=1) as fragile:
        load = await Load.begin(fragile.api_url, WORK)
        data = tmp_path / "redis"
        await works(load)
        size = damage.size(data)
        damage.copy(data, tmp_path / "copy")
        await works(load)
        await crash(fragile, lambda hurt: damage.cut(hurt, size + 7))
        await works(load)
        await crash(fragile, partial(damage.restore, copied=tmp_path / "copy"))
        await works(load)
        await crash(fragile, damage.empty)
        await works(load)
        await load.end_schedules()
        evidence = await fragile.settled()

    faults: list[str] = []
    repairs: list[list[LogForked]] = []  # by partition; where nothing had happened, only the last loss was one
    for partition, archived in evidence.archives.items():
        faults += [*proofs.chain(archived), *proofs.alike(archived, evidence.streams[partition])]
        repairs.append([entry.event for entry in archived if isinstance(entry.event, LogForked)])
    assert max(len(forks) for forks in repairs) == 3
    assert all(fork.lost > 0 for forks in repairs for fork in forks)
    assert [(forks[-1].common, forks[-1].dropped) for forks in repairs] == [(None, 0)] * len(repairs)
    entries = evidence.entries
    faults += proofs.runs_end_once(entries)
    faults += proofs.attempts_are_told_apart(entries)
    faults += proofs.serial_jobs_never_overlap(entries)
    faults += proofs.lines_are_whole(entries)
    faults += proofs.instants_are_decided(entries, now_ms=SystemClock().now_ms())
    faults += [f"read models: {difference}" for difference in evidence.differences]
    faults += [f"{key} still holds {size}" for key, size in evidence.left.items()]
    faults += load.surprises
    assert not faults, "\n".join(faults[:50])


async def works(load: Load) -> None:
    """A run that is asked for now is executed, and read."""
    run_id = await load.trigger("by-hand")
    await waiting.until(lambda: load.succeeded(run_id), within=FLOWING, what=f"{run_id} is read to have succeeded")


async def crash(fragile: Campaign, hurt: Callable[[Path], None]) -> None:
    """The server is killed, and what becomes of its data meanwhile is `hurt`."""
    Fragile.hurts.append(hurt)
    fragile.signal(signal.SIGKILL, "redis")
    await waiting.until(lambda: used(Fragile.hurts), within=FLOWING, what="the server is started again")
    await fragile.well()


async def used(hurts: list[Callable[[Path], None]]) -> bool:
    return not hurts
