"""A process that stands still for a while, as under a debugger or a suspended machine, and then goes on."""

import asyncio
from pathlib import Path

import pytest

from tests.support import proofs
from tests.support.campaign import LEASE, besieged
from tests.support.evidence import Evidence
from tests.support.load import EVERY_SECOND, Load
from waterclock.kit.clock import SystemClock
from waterclock.model import ledger
from waterclock.model.events import (
    FireCoalesced,
    FireSkipped,
    ResultRefused,
    RunLost,
    RunRequested,
    RunStarted,
    RunSucceeded,
)
from waterclock.model.instants import millis, stamp
from waterclock.model.misfire import digest

PAUSE = 3 * LEASE  # s
PAUSED = {
    "over-meanwhile": {"invokeTarget": "demo.sleep", "invokeParams": {"seconds": LEASE}, "concurrent": "0"},
    "must-not-overlap": {"invokeTarget": "demo.sleep", "invokeParams": {"seconds": PAUSE + LEASE}},
}
THRESHOLD, LIMIT = 2, 3  # s late; instants that are caught up with
SECOND = 1_000  # ms
HEARD = 20.0  # s

EVERY = {"invokeTarget": "demo.noop", "cronExpression": EVERY_SECOND, "concurrent": "0", "misfireThreshold": THRESHOLD}
POLICIES = {
    "each": {**EVERY, "misfirePolicy": "1", "catchupLimit": LIMIT},
    "once": {**EVERY, "misfirePolicy": "2"},
    "none": {**EVERY, "misfirePolicy": "3"},
}


@pytest.mark.asyncio
@pytest.mark.timeout(300)
@pytest.mark.parametrize("seconds", [8, pytest.param(60, marks=pytest.mark.soak)])
async def test_what_a_paused_scheduler_missed_is_settled_by_each_policy(tmp_path: Path, seconds: int) -> None:
    async with besieged(tmp_path, workers=1, schedulers=1) as campaign:
        load = await Load.begin(campaign.api_url, POLICIES)
        listener = load.stream_of("none")
        async with asyncio.TaskGroup() as tasks:
            listening = tasks.create_task(listener.listen(), name="listen")
            await listener.first("run.succeeded", within=HEARD)
            await campaign.pause(seconds, "scheduler-1")
            went_on = stamp(SystemClock().now_ms())
            await listener.first("run.succeeded", since=went_on, within=HEARD)
            listening.cancel()
        await load.end_schedules()
        evidence = await campaign.settled()

    assert not [*proofs.instants_are_decided(evidence.entries, now_ms=SystemClock().now_ms())]
    assert not [*proofs.runs_end_once(evidence.entries)]
    missed = (seconds - THRESHOLD - 1) * SECOND  # ms of the pause, at least, whose instants were late when it ended

    each = late_decisions(evidence, load.jobs["each"])
    skip, runs = each[0], each[1:]
    assert isinstance(skip, FireSkipped)
    assert all(isinstance(run, RunRequested) and run.trigger == "catchup" for run in runs)
    nominal = [millis(run.nominal_at) for run in runs if isinstance(run, RunRequested) and run.nominal_at is not None]
    assert nominal == [millis(skip.last) + place * SECOND for place in range(1, LIMIT + 1)], (
        "oldest first, none left out"
    )
    assert covers(skip, skip.count)
    assert (skip.reason, skip.count * SECOND >= missed - LIMIT * SECOND) == ("overflow", True)

    fold, run = late_decisions(evidence, load.jobs["once"])
    assert isinstance(fold, FireCoalesced)
    assert isinstance(run, RunRequested)
    assert run.nominal_at is not None
    assert covers(fold, fold.count)
    assert (run.trigger, run.folded, run.folded_first, fold.into) == ("catchup", fold.count, fold.first, run.run_id)
    assert millis(run.nominal_at) == millis(fold.last) + SECOND
    assert (fold.count + 1) * SECOND >= missed

    (nothing,) = late_decisions(evidence, load.jobs["none"])
    assert isinstance(nothing, FireSkipped)
    assert covers(nothing, nothing.count)
    assert (nothing.reason, nothing.count * SECOND >= missed) == ("misfire", True)

    now = SystemClock().now_ms()
    counts = {
        name: ledger.verify(evidence.of_job(job_id), from_ms=0, to_ms=now, now_ms=now)
        for name, job_id in load.jobs.items()
    }
    assert (counts["each"].skipped, counts["each"].coalesced) == (skip.count, 0)
    assert (counts["once"].skipped, counts["once"].coalesced) == (0, fold.count)
    assert (counts["none"].skipped, counts["none"].coalesced) == (nothing.count, 0)


@pytest.mark.asyncio
@pytest.mark.timeout(300)
async def test_a_worker_paused_beyond_its_lease_is_refused_and_its_run_ends_elsewhere(tmp_path: Path) -> None:
    async with besieged(tmp_path, workers=3, schedulers=1) as campaign:
        load = await Load.begin(campaign.api_url, PAUSED)
        listeners = {name: load.stream_of(name) for name in PAUSED}
        async with asyncio.TaskGroup() as tasks:
            listening = [tasks.create_task(one.listen(), name="listen") for one in listeners.values()]
            runs = {name: await load.trigger(name) for name in PAUSED}
            workers = {
                name: (await one.first("run.started", within=HEARD))["worker"] for name, one in listeners.items()
            }
            await campaign.pause(PAUSE, *workers.values())
            for one in listeners.values():
                await one.first("result.refused", within=HEARD)
                await one.first("run.succeeded", within=HEARD)
            for task in listening:
                task.cancel()
        evidence = await campaign.settled()

    for proof in (proofs.runs_end_once, proofs.attempts_are_told_apart, proofs.serial_jobs_never_overlap):
        assert not [*proof(evidence.entries)]
    assert evidence.differences == []
    for name, outcome in (("over-meanwhile", "succeeded"), ("must-not-overlap", "returned")):
        events = [entry.event for entry in evidence.of_run(runs[name])]
        first, second = (event for event in events if isinstance(event, RunStarted))
        (lost,) = (event for event in events if isinstance(event, RunLost))
        (refused,) = (event for event in events if isinstance(event, ResultRefused))
        (ended,) = (event for event in events if isinstance(event, RunSucceeded))
        assert first.worker == workers[name]
        assert second.worker not in workers.values()
        assert (lost.reason, lost.fence) == ("leaseExpired", first.fence)
        assert (refused.fence, refused.attempt, refused.outcome) == (first.fence, 1, outcome)
        assert (ended.fence, ended.attempt) == (second.fence, 2)


def late_decisions(evidence: Evidence, job_id: str) -> list[RunRequested | FireSkipped | FireCoalesced]:
    """What became of late instants."""
    decisions = [entry.event for entry in evidence.of_job(job_id)]
    return [
        event
        for event in decisions
        if isinstance(event, FireSkipped | FireCoalesced)
        or (isinstance(event, RunRequested) and event.trigger == "catchup")
    ]


def covers(event: FireSkipped | FireCoalesced, count: int) -> bool:
    """Whether a decision about a range of seconds is about every one of them."""
    first, last = millis(event.first), millis(event.last)
    instants = range(first, last + 1, SECOND)
    return len(instants) == count and event.digest == digest(list(instants))
