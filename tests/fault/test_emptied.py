"""The log's server is emptied while all runs: all say so, nothing is accepted, and it is brought back by hand."""

import asyncio
import signal
import sys
from pathlib import Path

import httpx
import pytest
from redis.asyncio import Redis

from tests.support import proofs, waiting
from tests.support.campaign import Campaign, besieged
from tests.support.installation import clean_environment
from tests.support.load import JOBS, Load
from waterclock.kit.clock import SystemClock
from waterclock.model.events import LogForked

FLOWING = 30.0  # s until a run that was asked for has succeeded
WORK = {name: JOBS[name] for name in ("tick", "by-hand")}
MONITOR = "/v1/monitor"


@pytest.mark.timeout(180)
async def test_an_emptied_log_accepts_nothing_until_it_is_restored_and_has_no_hole(tmp_path: Path) -> None:
    async with besieged(tmp_path, workers=1, schedulers=1) as emptied:
        load = await Load.begin(emptied.api_url, WORK)
        await works(load)
        emptied.signal(signal.SIGSTOP, "projector")  # else it has restored it before we have looked
        async with Redis.from_url(emptied.urls[0]) as client:  # pyright: ignore[reportUnknownMemberType]
            await client.flushall()  # pyright: ignore[reportUnknownMemberType]

        async with httpx.AsyncClient(base_url=emptied.api_url, timeout=10, trust_env=False) as api:
            ready = await api.get("/readyz")
            refused = [
                await api.post(f"{MONITOR}/jobs", json={"jobName": "late", "invokeTarget": "demo.noop"}),
                await api.post(f"{MONITOR}/runs", json={"invokeTarget": "demo.noop"}),
                await api.put(f"{MONITOR}/jobs/{load.jobs['by-hand']}/status", json={"status": "1"}),
            ]
            assert (ready.status_code, "redis" in ready.text) == (503, True), ready.text
            assert [answer.status_code for answer in refused] == [503] * 3, [answer.text for answer in refused]

            said = await waiting.until(lambda: restored(emptied), within=FLOWING, what="the log is restored")
            assert "Restored from the archive: 2 partition(s)" in said
            emptied.signal(signal.SIGCONT, "projector")
            await emptied.well()
            await works(load)
            await load.end_schedules()
            evidence = await emptied.settled()
            proof = (await api.get(f"{MONITOR}/ledger/verify")).json()

    assert proof["ok"], proof
    assert proof["instants"] > 0
    entries = evidence.entries
    faults = [fault for archived in evidence.archives.values() for fault in proofs.chain(archived)]
    faults += proofs.runs_end_once(entries)
    faults += proofs.attempts_are_told_apart(entries)
    faults += proofs.instants_are_decided(entries, now_ms=SystemClock().now_ms())
    faults += [f"read models: {difference}" for difference in evidence.differences]
    assert not faults, "\n".join(faults[:50])
    assert sum(isinstance(entry.event, LogForked) for entry in entries) == 2


async def works(load: Load) -> None:
    """A run that is asked for now is executed, and read."""
    run_id = await load.trigger("by-hand")
    await waiting.until(lambda: load.succeeded(run_id), within=FLOWING, what=f"{run_id} is read to have succeeded")


async def restored(emptied: Campaign) -> str | None:
    """What `waterclock restore` says; None while it refuses, as the projector that stands still is not given up yet."""
    redis_url, postgres_url = emptied.urls
    env = clean_environment() | {"WATERCLOCK_REDIS_URL": redis_url, "WATERCLOCK_POSTGRES_URL": postgres_url}
    process = await asyncio.create_subprocess_exec(
        sys.executable, *("-m", "waterclock.cli", "restore"), env=env, stdout=asyncio.subprocess.PIPE
    )
    out, _ = await process.communicate()
    return out.decode() if process.returncode == 0 else None
