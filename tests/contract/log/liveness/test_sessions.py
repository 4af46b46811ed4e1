"""Sessions: one start of one worker process; who is found dead gives its runs back."""

import pytest
import pytest_asyncio

from tests.contract.log.build import (
    WORKER,
    J,
    ask,
    change,
    create,
    ending,
    events_of,
    finish,
    grab,
    mop,
    run_of,
    tags_of,
    wish,
)
from waterclock.log.client import Log
from waterclock.log.commands.attempts import StepBatch, record
from waterclock.log.commands.bodies import body_of, part
from waterclock.log.commands.idempotency import Command
from waterclock.log.commands.runs import EndedRun, cancel, find_run
from waterclock.log.connection.errors import NoSession
from waterclock.log.liveness.sessions import LostAttempt, Swept, join, leave, renew, sessions
from waterclock.model.events import (
    RunCancelled,
    RunCancelRequested,
    RunDied,
    RunLost,
    StepStarted,
    WorkerJoined,
    WorkerLeft,
)

JOINED = body_of(WorkerJoined(worker="w", session=WORKER, queues=("default",), slots=10, executors=()))


@pytest_asyncio.fixture(autouse=True)
async def at_work(log: Log) -> None:
    await create(log)
    await join(log, WORKER, body=JOINED)


async def test_joining_twice_is_joining_once(log: Log) -> None:
    await join(log, WORKER, body=JOINED)
    assert (await tags_of(log)).count("worker.joined") == 1
    assert await sessions(log, 0) == {WORKER: 0}


async def test_a_renewal_shows_what_is_held(log: Log) -> None:
    await ask(log, wish(1), wish(2))
    grants = (await grab(log, 1)).grants
    renewed = await renew(log, 0, WORKER, 7)
    assert [(one.run_id, one.fence, one.attempt, one.cancel, one.claim) for one in renewed.held] == [
        (grant.run_id, grant.fence, 1, False, 1) for grant in grants
    ]
    assert await sessions(log, 0) == {WORKER: 7}


async def test_a_claim_does_not_renew(log: Log) -> None:
    await renew(log, 0, WORKER, 3)
    await ask(log, wish(1))
    await grab(log, 1)
    assert await sessions(log, 0) == {WORKER: 3}


async def test_sessions_with_names_alike_hold_their_own(log: Log) -> None:
    await join(log, "worker-10", body=None)
    await ask(log, wish(1))
    await grab(log, 1, session="worker-10")
    assert (await renew(log, 0, WORKER, 1)).held == []


async def test_a_session_that_renewed_meanwhile_is_not_swept(log: Log) -> None:
    await ask(log, wish(1))
    await grab(log, 1)
    await renew(log, 0, WORKER, 1)
    assert (await mop(log, 0))[:2] == ("alive", 0)
    assert len((await renew(log, 0, WORKER, 2)).held) == 1


async def test_a_dead_sessions_runs_are_queued_again_first(log: Log) -> None:
    await ask(log, wish(1), wish(2), wish(3))
    grants = (await grab(log, 1, slots=2)).grants
    taken = [LostAttempt(grant.run_id, J, 1, "again") for grant in grants]
    assert await mop(log, 0) == Swept("emptied", 2, taken)
    left, *losses = (await events_of(log))[-3:]
    assert isinstance(left, WorkerLeft)
    for lost, grant in zip(losses, grants, strict=True):
        assert isinstance(lost, RunLost)
        assert (lost.run_id, lost.job_id, lost.reason) == (grant.run_id, J, "leaseExpired")
        assert (lost.attempt, lost.fence) == (1, grant.fence)
    assert await sessions(log, 0) == {}
    await join(log, "w2", body=None)
    again = (await grab(log, 1, session="w2")).grants
    assert [(one.run_id, one.attempt, one.failures, one.losses) for one in again] == [
        (run_of(1), 2, 0, 1),
        (run_of(2), 2, 0, 1),
        (run_of(3), 1, 0, 0),
    ]


async def test_a_swept_session_can_do_nothing_more(log: Log) -> None:
    await mop(log, 0)
    with pytest.raises(NoSession):
        await renew(log, 0, WORKER, 1)
    with pytest.raises(NoSession):
        await grab(log, 1)


async def test_a_session_is_emptied_in_batches_by_whoever_comes(log: Log) -> None:
    await ask(log, *(wish(n) for n in range(5)))
    await grab(log, 1)
    assert (await mop(log, 0, limit=2))[:2] == ("more", 2)
    assert await sessions(log, 0) == {WORKER: -1}
    with pytest.raises(NoSession):
        await renew(log, 0, WORKER, 1)
    with pytest.raises(NoSession):
        await join(log, WORKER, body=JOINED)
    assert (await mop(log, -1, limit=2))[:2] == ("more", 2)
    assert (await mop(log, -1, limit=2))[:2] == ("emptied", 1)
    assert (await mop(log, -1))[:2] == ("emptied", 0)
    tags = await tags_of(log)
    assert (tags.count("worker.left"), tags.count("run.lost")) == (1, 5)


async def test_a_run_that_is_lost_too_often_dies(log: Log) -> None:
    await ask(log, wish(1))
    for start in range(4):
        session = f"start-{start}"
        await join(log, session, body=None)
        assert len((await grab(log, 1, session=session)).grants) == 1
        [lost] = (await mop(log, 0, session=session)).lost
        assert lost == LostAttempt(run_of(1), J, start + 1, "again" if start < 3 else "died")
    died = (await events_of(log))[-1]
    assert isinstance(died, RunDied)
    assert (died.run_id, died.attempt) == (run_of(1), 4)
    ended = await find_run(log, run_of(1))
    assert isinstance(ended, EndedRun)
    assert ended.status == "died"


async def test_a_run_that_was_to_be_cancelled_is_not_tried_again(log: Log) -> None:
    await ask(log, wish(1))
    [grant] = (await grab(log, 1)).grants
    body = body_of(RunCancelRequested(run_id=run_of(1), job_id=J))
    await cancel(log, run_of(1), command=Command(id="c"), body_requested=body, body_cancelled=body)
    assert (await mop(log, 0)).lost == [LostAttempt(run_of(1), J, 1, "cancelled")]
    ended = (await events_of(log))[-1]
    assert isinstance(ended, RunCancelled)
    assert (ended.reason, ended.attempt, ended.fence) == ("requested", 1, grant.fence)


async def test_a_run_of_a_disabled_job_is_not_tried_again(log: Log) -> None:
    await ask(log, wish(1))
    await grab(log, 1)
    await change(log, kind="disable", status="1")
    await mop(log, 0)
    ended = (await events_of(log))[-1]
    assert isinstance(ended, RunCancelled)
    assert ended.reason == "jobDisabled"


async def test_who_leaves_with_empty_hands_is_gone(log: Log) -> None:
    gone = part(WorkerLeft, session=WORKER, reason="drained")
    await leave(log, WORKER, body=gone)
    await leave(log, WORKER, body=gone)
    assert await sessions(log, 0) == {}
    assert (await tags_of(log)).count("worker.left") == 1


async def test_what_is_left_behind_is_swept(log: Log) -> None:
    await ask(log, wish(1))
    await grab(log, 1)
    await leave(log, WORKER, body=None)
    assert await sessions(log, 0) == {WORKER: -1}
    assert (await mop(log, -1))[:2] == ("emptied", 1)
    assert (await tags_of(log)).count("worker.left") == 0


async def test_step_events_are_appended_once_by_their_number(log: Log) -> None:
    await ask(log, wish(1))
    [grant] = (await grab(log, 1)).grants
    steps = [
        body_of(StepStarted(run_id=grant.run_id, attempt=1, fence=grant.fence, number=n, name="step")) for n in (1, 2)
    ]
    batch = StepBatch(run_id=grant.run_id, fence=grant.fence, number=1, bodies=steps)
    assert await record(log, 0, [batch]) == ["done"]
    assert await record(log, 0, [batch]) == ["done"]
    assert (await tags_of(log)).count("step.started") == 2
    further = StepBatch(run_id=grant.run_id, fence=grant.fence, number=2, bodies=steps[:1])
    assert await record(log, 0, [batch, further]) == ["done", "done"]
    assert (await tags_of(log)).count("step.started") == 3


async def test_step_events_of_a_lost_attempt_are_refused(log: Log) -> None:
    await ask(log, wish(1))
    [grant] = (await grab(log, 1)).grants
    batch = StepBatch(run_id=grant.run_id, fence=grant.fence, number=1, bodies=["{}"])
    await finish(log, ending(grant, back=True))
    assert await record(log, 0, [batch]) == ["refused"]
    [again] = (await grab(log, 2)).grants
    assert await record(log, 0, [batch]) == ["refused"]
    await finish(log, ending(again))
    assert await record(log, 0, [batch]) == ["refused"]
