"""Ends: checked against the fence, done once, and then the run ends, waits or is given back."""

import pytest
import pytest_asyncio

from tests.contract.log.build import (
    WORKER,
    ask,
    change,
    create,
    ending,
    events_of,
    finish,
    grab,
    mop,
    tags_of,
    wish,
)
from waterclock.log.client import Log
from waterclock.log.clock import now
from waterclock.log.commands.attempts import Grant, promote
from waterclock.log.commands.bodies import body_of, part
from waterclock.log.commands.idempotency import Command
from waterclock.log.commands.runs import EndedRun, LiveRun, cancel, find_run
from waterclock.log.liveness.sessions import join, renew
from waterclock.model.events import ResultRefused, RunCancelled, RunCancelRequested, RunLost, RunSucceeded


@pytest_asyncio.fixture
async def grant(log: Log) -> Grant:
    """One running attempt."""
    await create(log)
    await join(log, WORKER, body=None)
    await ask(log, wish(1))
    [grant] = (await grab(log, 1)).grants
    return grant


async def stop(log: Log, grant: Grant) -> None:
    asked = body_of(RunCancelRequested(run_id=grant.run_id, job_id=grant.job_id))
    ended = body_of(RunCancelled(run_id=grant.run_id, job_id=grant.job_id))
    await cancel(log, grant.run_id, command=Command(id="stop"), body_requested=asked, body_cancelled=ended)


async def test_an_ended_run_leaves_nothing_but_its_end(log: Log, grant: Grant) -> None:
    assert await finish(log, ending(grant)) == ["done"]
    ended = await find_run(log, grant.run_id)
    assert isinstance(ended, EndedRun)
    assert ended.status == "succeeded"
    event = (await events_of(log))[-1]
    assert isinstance(event, RunSucceeded)
    assert (await renew(log, 0, WORKER, 1)).held == []
    for name in ("runs", "specs", "active", "held", "delayed", "waiting"):
        key = log.keys.partition(0, name)
        assert await log.execute(key, "EXISTS", key) == 0, name


async def test_a_repeated_end_is_answered_again(log: Log, grant: Grant) -> None:
    await finish(log, ending(grant))
    before = await tags_of(log)
    assert await finish(log, ending(grant)) == ["repeated"]
    assert await tags_of(log) == before


async def test_a_repeated_retry_is_answered_again_also_after_the_next_attempt_began(log: Log, grant: Grant) -> None:
    failed = ending(grant, status=None)
    assert await finish(log, failed) == ["done"]
    assert await finish(log, failed) == ["repeated"]
    [second] = (await grab(log, 2)).grants
    assert (second.attempt, second.failures) == (2, 1)
    assert await finish(log, failed) == ["repeated"]
    assert await finish(log, ending(second)) == ["done"]


async def test_a_stale_end_is_refused_and_seen_once(log: Log, grant: Grant) -> None:
    assert (await mop(log, 0)).state == "emptied"
    await join(log, "worker-2", body=None)
    [again] = (await grab(log, 1, session="worker-2")).grants
    assert again.fence > grant.fence
    assert await finish(log, ending(grant)) == ["refused"]
    refusal = (await events_of(log))[-1]
    assert isinstance(refusal, ResultRefused)
    assert (refusal.run_id, refusal.fence) == (grant.run_id, grant.fence)
    assert await finish(log, ending(grant)) == ["refused"]
    assert (await tags_of(log)).count("result.refused") == 1
    assert await finish(log, ending(again)) == ["done"]


async def test_a_retry_waits_for_its_time_and_is_counted(log: Log, grant: Grant) -> None:
    later = await now(log, 0) + 60_000
    assert await finish(log, ending(grant, status=None, ready_at=later)) == ["done"]
    run = await find_run(log, grant.run_id)
    assert isinstance(run, LiveRun)
    assert (run.record.state, run.record.ready_at, run.record.failures) == ("delayed", later, 1)
    claimed = await grab(log, 2)
    assert claimed.grants == []
    assert claimed.next_at == later
    assert (await promote(log, 0, body_cancelled=part(RunCancelled))).next_at == later


async def test_a_retry_whose_time_has_come_is_due_at_once(log: Log, grant: Grant) -> None:
    await finish(log, ending(grant, status=None, ready_at=await now(log, 0)))
    assert len((await grab(log, 2)).grants) == 1


async def test_what_is_given_back_uses_up_no_attempt(log: Log, grant: Grant) -> None:
    await finish(log, ending(grant, back=True))
    lost = (await events_of(log))[-1]
    assert isinstance(lost, RunLost)
    assert lost.reason == "handedBack"
    [again] = (await grab(log, 2)).grants
    assert (again.attempt, again.failures, again.losses) == (2, 0, 0)


async def test_a_retry_of_a_cancelled_run_ends_it(log: Log, grant: Grant) -> None:
    await stop(log, grant)
    assert await finish(log, ending(grant, status=None)) == ["cancelled"]
    event = (await events_of(log))[-1]
    assert isinstance(event, RunCancelled)
    assert (event.reason, event.attempt, event.fence) == ("requested", 1, grant.fence)
    ended = await find_run(log, grant.run_id)
    assert isinstance(ended, EndedRun)
    assert ended.status == "cancelled"


@pytest.mark.parametrize(("kind", "reason"), [("disable", "jobDisabled"), ("delete", "jobDeleted")])
async def test_a_retry_of_a_barred_run_ends_it(log: Log, grant: Grant, kind: str, reason: str) -> None:
    await change(log, kind=kind, status="1")
    assert await finish(log, ending(grant, status=None)) == ["cancelled"]
    event = (await events_of(log))[-1]
    assert isinstance(event, RunCancelled)
    assert event.reason == reason


async def test_a_running_attempt_of_a_deleted_job_goes_on_to_its_end(log: Log, grant: Grant) -> None:
    await change(log, kind="delete")
    assert await finish(log, ending(grant)) == ["done"]
    ended = await find_run(log, grant.run_id)
    assert isinstance(ended, EndedRun)
    assert ended.status == "succeeded"


async def test_a_success_stands_also_if_a_cancel_was_asked(log: Log, grant: Grant) -> None:
    await stop(log, grant)
    assert await finish(log, ending(grant)) == ["done"]
    ended = await find_run(log, grant.run_id)
    assert isinstance(ended, EndedRun)
    assert ended.status == "succeeded"


async def test_ends_of_one_call_are_each_by_themselves(log: Log, grant: Grant) -> None:
    await ask(log, *(wish(n) for n in range(2, 152)))
    others = [one for number in (2, 3) for one in (await grab(log, number, slots=75)).grants]
    await finish(log, ending(others[0]))
    results = await finish(log, *(ending(one, status="failed") for one in (grant, *others)))
    assert results == ["done", "repeated"] + ["done"] * 149


async def test_the_same_end_twice_in_one_call_is_one_end(log: Log, grant: Grant) -> None:
    assert await finish(log, ending(grant), ending(grant)) == ["done", "repeated"]
    assert (await tags_of(log)).count("run.succeeded") == 1


async def test_ends_are_remembered_through_a_swap_and_then_forgotten(log: Log, grant: Grant) -> None:
    await finish(log, ending(grant))
    meta = log.keys.partition(0, "meta")
    for number, known in ((10, True), (11, False)):
        await log.execute(meta, "HSET", meta, "ended_since", 0)  # as if ten minutes had passed
        await ask(log, wish(number))
        [other] = (await grab(log, number)).grants
        await finish(log, ending(other))
        found = await find_run(log, grant.run_id)
        assert (found is not None) == known
