"""What a simulation foretells of an outage is what the script appends when it is over, on every server."""

from typing import get_args

import pytest

from tests.contract.log.build import WORKER, ask, decided, entries_of, grab, wish
from tests.integration.scheduler.stage import Stage
from waterclock.log.client import Log
from waterclock.log.clock import now
from waterclock.log.commands.fires import unit
from waterclock.log.liveness.sessions import join
from waterclock.model.definition import MisfirePolicy, Overlap
from waterclock.model.events import FireCoalesced, FireSkipped, RunCancelled, RunRequested
from waterclock.model.ids import RunId
from waterclock.model.instants.misfire import policy_of, settle
from waterclock.model.instants.simulate import Simulated, simulate
from waterclock.model.instants.timetable import schedule_of


@pytest.mark.parametrize("running", [False, True])
@pytest.mark.parametrize("misfire", get_args(MisfirePolicy))
@pytest.mark.parametrize("overlap", get_args(Overlap))
async def test_what_is_foretold_is_what_is_appended(
    log: Log, overlap: Overlap, misfire: MisfirePolicy, running: bool
) -> None:
    back = await now(log, 0)
    job = await Stage(log).create(
        "*/15 * * * * *",
        mark=back // 15_000 * 15_000 - 600_000,
        misfire_policy=misfire,
        concurrent="0" if overlap == "allow" else "1",
        overlap_policy=None if overlap == "allow" else overlap,
        catchup_limit=7,
        catchup_pace=2.5,
        jitter=3,
    )
    if running:
        await join(log, WORKER, body=None)
        await ask(log, wish(1, job_id=job.job_id, run_id=RunId(f"{job.job_id}-running")))
        assert len((await grab(log, 1)).grants) == 1
    before = len(await entries_of(log))

    foretold = simulate(job, from_ms=job.mark, to_ms=back, running=running, limit=1000)
    schedule = schedule_of(job.job_id, job.definition)
    assert schedule is not None
    settlement = settle(schedule, mark=job.mark, now=back, policy=policy_of(job.definition))
    assert (await decided(log, unit(job, settlement, mark=job.mark))).results == ["done"]

    _assert_same(foretold, [entry.event for entry in (await entries_of(log))[before:]])
    assert foretold.instants == foretold.fired + foretold.skipped + foretold.coalesced
    assert foretold.instants == schedule.count_between(job.mark, back) >= 40


def _assert_same(foretold: Simulated, appended: list[object]) -> None:
    requested = [event for event in appended if isinstance(event, RunRequested)]
    replaced = {event.run_id for event in appended if isinstance(event, RunCancelled)}
    assert [(run.run_id, run.nominal_at, run.trigger, run.folded) for run in foretold.runs] == [
        (event.run_id, event.nominal_at, event.trigger, event.folded) for event in requested
    ]
    assert [run.waiting_on for run in foretold.runs] == [event.waiting_on for event in requested]
    assert [run.ready_at for run in foretold.runs] == [event.ready_at for event in requested]
    # by the time it is appended a run's time may have come
    assert all(
        run.state == event.state or (run.state, event.state) == ("delayed", "queued")
        for run, event in zip(foretold.runs, requested, strict=True)
    )
    assert {run.run_id for run in foretold.runs if run.replaced} == replaced
    unfired = [event for event in appended if isinstance(event, FireSkipped | FireCoalesced)]
    assert [(one.reason, one.run_id) for one in foretold.unfired for _ in range(one.count)] == [
        (_reason(event), event.blocked_by if isinstance(event, FireSkipped) else event.into)
        for event in unfired
        for _ in range(event.count)
    ]


def _reason(event: FireSkipped | FireCoalesced) -> str:
    if isinstance(event, FireSkipped):
        return event.reason
    return "misfire" if event.policy == "2" else "overlap"
