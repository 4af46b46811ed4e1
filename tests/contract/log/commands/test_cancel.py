"""Cancelling: a run that stands ends at once, one that runs is asked to stop, and asking twice is asking once."""

import pytest_asyncio

from tests.contract.log.build import WORKER, J, ask, create, ending, events_of, finish, grab, mop, run_of, tags_of, wish
from waterclock.log.client import Log
from waterclock.log.clock import now
from waterclock.log.commands.attempts import wait_wake
from waterclock.log.commands.bodies import body_of
from waterclock.log.commands.idempotency import Command, KeyReused, Replayed
from waterclock.log.commands.runs import AlreadyEnded, Cancelled, NoRun, cancel
from waterclock.log.liveness.sessions import join, renew
from waterclock.model.events import RunCancelled, RunCancelRequested
from waterclock.model.ids import RunId


@pytest_asyncio.fixture(autouse=True)
async def at_work(log: Log) -> None:
    await create(log)
    await join(log, WORKER, body=None)


async def stop(log: Log, run_id: RunId, *, command: Command | None = None) -> object:
    return await cancel(
        log,
        run_id,
        command=command or Command(id=f"stop {run_id}"),
        body_requested=body_of(RunCancelRequested(run_id=run_id, job_id=J)),
        body_cancelled=body_of(RunCancelled(run_id=run_id, job_id=J)),
    )


async def test_a_queued_run_ends_at_once_and_its_entry_goes(log: Log) -> None:
    await ask(log, wish(1))
    done = await stop(log, run_of(1))
    assert isinstance(done, Cancelled)
    assert done.at_once
    event = (await events_of(log))[-1]
    assert isinstance(event, RunCancelled)
    assert (event.reason, event.attempt) == ("requested", 0)
    due = log.keys.due(0, "default")
    assert await log.execute(due, "XLEN", due) == 0
    assert (await grab(log, 1)).grants == []


async def test_a_delayed_run_ends_at_once(log: Log) -> None:
    await ask(log, wish(1, ready_at=await now(log, 0) + 60_000))
    done = await stop(log, run_of(1))
    assert isinstance(done, Cancelled)
    assert done.at_once
    assert (await grab(log, 1)).next_at is None


async def test_a_waiting_run_ends_at_once_and_the_next_keeps_waiting(log: Log) -> None:
    await ask(log, *(wish(n, overlap="buffer_all") for n in (1, 2, 3)))
    await stop(log, run_of(2))
    [grant] = (await grab(log, 1)).grants
    assert grant.run_id == run_of(1)
    assert (await grab(log, 2)).grants == []
    await finish(log, ending(grant))
    assert [one.run_id for one in (await grab(log, 2)).grants] == [run_of(3)]


async def test_cancelling_the_first_lets_the_waiting_go(log: Log) -> None:
    await ask(log, *(wish(n, overlap="buffer_all") for n in (1, 2)))
    await stop(log, run_of(1))
    assert [one.run_id for one in (await grab(log, 1)).grants] == [run_of(2)]


async def test_a_running_attempt_is_asked_to_stop(log: Log) -> None:
    await ask(log, wish(1))
    reader = log.reader()
    claimed = await grab(log, 1)
    [grant] = claimed.grants
    done = await stop(log, grant.run_id)
    assert isinstance(done, Cancelled)
    assert not done.at_once
    assert (await wait_wake(reader, {0: claimed.wake}, 1)).cancels == (grant.run_id,)
    [held] = (await renew(log, 0, WORKER, 1)).held
    assert (held.run_id, held.fence, held.attempt, held.claim) == (grant.run_id, grant.fence, 1, 1)
    assert held.cancel
    assert (await grab(log, 1)).grants[0].cancelled
    await reader.close()


async def test_asking_twice_is_asking_once(log: Log) -> None:
    await ask(log, wish(1))
    await grab(log, 1)
    first = await stop(log, run_of(1))
    assert await stop(log, run_of(1)) == first
    assert await stop(log, run_of(1), command=Command(id="another")) == first
    assert (await tags_of(log)).count("run.cancelRequested") == 1


async def test_a_repeated_cancel_that_ended_the_run_is_answered_the_same(log: Log) -> None:
    await ask(log, wish(1))
    first = await stop(log, run_of(1))
    assert await stop(log, run_of(1)) == first
    assert await stop(log, run_of(1), command=Command(id="another")) == AlreadyEnded("cancelled")


async def test_a_clients_key_is_replayed_and_not_reused(log: Log) -> None:
    await ask(log, wish(1), wish(2))
    key = Command(id="key", fingerprint="f", client=True)
    first = await stop(log, run_of(1), command=key)
    again = await stop(log, run_of(1), command=key)
    assert isinstance(first, Cancelled)
    assert isinstance(again, Replayed)
    assert again.answer.position == first.position
    assert await stop(log, run_of(2), command=Command(id="key", fingerprint="g", client=True)) == KeyReused()


async def test_an_ended_run_is_not_cancelled(log: Log) -> None:
    await ask(log, wish(1))
    [grant] = (await grab(log, 1)).grants
    await finish(log, ending(grant))
    assert await stop(log, run_of(1)) == AlreadyEnded("succeeded")


async def test_an_unknown_run_is_not_cancelled(log: Log) -> None:
    assert await stop(log, run_of(1)) == NoRun()


async def test_a_cancel_between_attempts_ends_none_of_them_and_the_end_before_it_is_answered_again(log: Log) -> None:
    await ask(log, wish(1))
    [grant] = (await grab(log, 1)).grants
    await finish(log, ending(grant, back=True))
    await stop(log, run_of(1))
    event = (await events_of(log))[-1]
    assert isinstance(event, RunCancelled)
    assert (event.attempt, event.fence, event.settled) == (0, 0, grant.fence)
    assert await finish(log, ending(grant, back=True)) == ["repeated"]


async def test_the_late_end_of_a_lost_attempt_is_refused_though_its_run_has_ended(log: Log) -> None:
    await ask(log, wish(1))
    [grant] = (await grab(log, 1)).grants
    await stop(log, run_of(1))
    await mop(log, 0)
    event = (await events_of(log))[-1]
    assert isinstance(event, RunCancelled)
    assert (event.attempt, event.fence, event.settled) == (1, grant.fence, 0)
    assert await finish(log, ending(grant)) == ["refused"]
    assert (await tags_of(log))[-1] == "result.refused"
