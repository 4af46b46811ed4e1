"""A process that stands still for a while, as under a debugger or a suspended machine, and then goes on."""

import asyncio
from pathlib import Path

import pytest

from tests.support import proofs
from tests.support.campaign import LEASE, besieged
from tests.support.load import EVERY_SECOND, Load
from waterclock.kit.clock import SystemClock
from waterclock.model.events import (
    FireCoalesced,
    FireSkipped,
    ResultRefused,
    RunLost,
    RunRequested,
    RunStarted,
    RunSucceeded,
)
from waterclock.model.instants import ledger
from waterclock.model.instants.misfire import digest
from waterclock.model.timestamps import millis, stamp
from waterclock.wire.envelope import Entry

PAUSE = 3 * LEASE  # s
ONE_LINE = {"invokeTarget": "demo.steps", "concurrent": "0"}  # said after so many seconds
PAUSED = {
    "over-meanwhile": {**ONE_LINE, "invokeParams": {"steps": 1, "lines": 1, "delay": LEASE}},
    "must-not-overlap": {
        **ONE_LINE,
        "invokeParams": {"steps": 1, "lines": 1, "delay": PAUSE + LEASE},
        "concurrent": "1",
    },
}
THRESHOLD, LIMIT = 2, 3  # s late; instants that are caught up with
SECOND = 1_000  # ms
HEARD = 20.0  # s

EVERY = {"invokeTarget": "demo.noop", "cronExpression": EVERY_SECOND, "concurrent": "0", "misfireThreshold": THRESHOLD}
Late = RunRequested | FireSkipped | FireCoalesced
POLICIES = {
    "each": {**EVERY, "misfirePolicy": "1", "catchupLimit": LIMIT},
    "once": {**EVERY, "misfirePolicy": "2"},
    "none": {**EVERY, "misfirePolicy": "3"},
}


@pytest.mark.timeout(300)
@pytest.mark.parametrize("seconds", [8, pytest.param(60, marks=pytest.mark.soak)])
async def test_what_a_paused_scheduler_missed_is_settled_by_each_policy(tmp_path: Path, seconds: int) -> None:
    async with besieged(tmp_path, workers=1, schedulers=1) as campaign:
        load = await Load.begin(campaign.api_url, POLICIES)
        listeners = [load.stream_of(name) for name in POLICIES]
        async with asyncio.TaskGroup() as tasks:
            listening = [tasks.create_task(one.listen(), name="listen") for one in listeners]
            for one in listeners:
                await one.first("run.succeeded", within=HEARD)
            stopped_at = SystemClock().now_ms()
            await campaign.pause(seconds, "scheduler-1")
            went_on = SystemClock().now_ms()
            for one in listeners:
                await one.first("run.succeeded", since=stamp(went_on), within=HEARD)
            for task in listening:
                task.cancel()
        await load.end_schedules()
        evidence = await campaign.settled()

    assert not [*proofs.instants_are_decided(evidence.entries, now_ms=SystemClock().now_ms())]
    assert not [*proofs.runs_end_once(evidence.entries)]
    late = {name: late_decisions(evidence.of_job(load.jobs[name]), stopped_at, went_on) for name in POLICIES}
    missed = seconds - THRESHOLD - 1  # instants at least that were late when the pause ended
    folded = {
        "each": newest_ran_for_themselves(late["each"], missed),
        "once": newest_ran_for_all(late["once"], missed),
        "none": nothing_ran(late["none"], missed),
    }
    for name, one in folded.items():
        entries, first, last = evidence.of_job(load.jobs[name]), millis(one.first), millis(one.last)
        verdict = ledger.verify(entries, from_ms=first, to_ms=last, now_ms=went_on)
        assert (verdict.ok, verdict.instants, verdict.fired) == (True, one.count, 0)


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
            for one in listeners.values():
                await one.first("step.started", within=HEARD)  # before that the worker may not know of its grant yet
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
    told = {"over-meanwhile": {"succeeded", "returned"}, "must-not-overlap": {"returned"}}  # whichever it hears first
    for name, outcomes in told.items():
        events = [entry.event for entry in evidence.of_run(runs[name])]
        first, second = (event for event in events if isinstance(event, RunStarted))
        (lost,) = (event for event in events if isinstance(event, RunLost))
        (refused,) = (event for event in events if isinstance(event, ResultRefused))
        (ended,) = (event for event in events if isinstance(event, RunSucceeded))
        assert first.worker == workers[name]
        assert second.worker not in workers.values()
        assert (lost.reason, lost.fence) == ("leaseExpired", first.fence)
        assert (refused.fence, refused.attempt) == (first.fence, 1)
        assert refused.outcome in outcomes
        assert (ended.fence, ended.attempt) == (second.fence, 2)


def late_decisions(entries: list[Entry], stopped_at: int, went_on: int) -> list[Late]:
    """What became of the instants that were late when the scheduler went on."""
    found: list[Late] = []
    for entry in entries:
        match entry.event:
            case RunRequested(trigger="catchup") | FireSkipped() | FireCoalesced() as event:
                assert event.after is not None
                assert event.through is not None
                if millis(event.through) > stopped_at and millis(event.after) < went_on:
                    found.append(event)
            case _:
                continue
    return found


def newest_ran_for_themselves(late: list[Late], missed: int) -> FireSkipped:
    """Policy 1: as many as may be caught up with, oldest first, each with its own time; the rest is one skip."""
    skip, *runs = late
    assert isinstance(skip, FireSkipped)
    nominal = [millis(run.nominal_at) for run in runs if isinstance(run, RunRequested) and run.nominal_at is not None]
    assert nominal == [millis(skip.last) + place * SECOND for place in range(1, LIMIT + 1)]
    assert len(runs) == LIMIT
    assert covers(skip)
    assert skip.reason == "overflow"
    assert skip.count >= missed - LIMIT
    return skip


def newest_ran_for_all(late: list[Late], missed: int) -> FireCoalesced:
    """Policy 2: one run, for the newest, that knows how many it answers and from when on."""
    fold, run = late
    assert isinstance(fold, FireCoalesced)
    assert isinstance(run, RunRequested)
    assert run.nominal_at is not None
    assert millis(run.nominal_at) == millis(fold.last) + SECOND
    assert (run.folded, run.folded_first, fold.into) == (fold.count, fold.first, run.run_id)
    assert covers(fold)
    assert fold.count >= missed - 1
    return fold


def nothing_ran(late: list[Late], missed: int) -> FireSkipped:
    """Policy 3: one skip."""
    (skip,) = late
    assert isinstance(skip, FireSkipped)
    assert covers(skip)
    assert skip.reason == "misfire"
    assert skip.count >= missed
    return skip


def covers(event: FireSkipped | FireCoalesced) -> bool:
    """Whether a decision about a range of seconds is about every one of them."""
    instants = range(millis(event.first), millis(event.last) + 1, SECOND)
    return len(instants) == event.count and event.digest == digest(list(instants))
