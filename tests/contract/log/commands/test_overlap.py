"""A run that meets an unfinished one of its job: settled once, when it is requested."""

import pytest
import pytest_asyncio

from tests.contract.log.build import (
    J,
    ask,
    create,
    decided,
    ending,
    events_of,
    finish,
    grab,
    past,
    run_of,
    tags_of,
    wish,
)
from waterclock.log.client import Log
from waterclock.log.clock import now
from waterclock.log.commands.idempotency import Command
from waterclock.log.commands.jobs import load_job
from waterclock.log.commands.requests import Blocked, Requested, Unit, request
from waterclock.log.commands.runs import EndedRun, LiveRun, find_run
from waterclock.log.liveness.sessions import join
from waterclock.model.definition import Overlap
from waterclock.model.events import FireCoalesced, FireSkipped, RunCancelled, RunCancelRequested, RunRequested


@pytest_asyncio.fixture(autouse=True)
async def at_work(log: Log) -> None:
    """A job, and a worker with its session."""
    await create(log)
    await join(log, "worker-1", body=None)


async def state_of(log: Log, number: int) -> str:
    run = await find_run(log, run_of(number))
    if isinstance(run, LiveRun):
        return run.record.state
    assert isinstance(run, EndedRun)
    return run.status


@pytest.mark.parametrize(("overlap", "folds", "fate"), [("skip", False, "blocked"), ("buffer_one", True, "folded")])
async def test_a_decision_says_which_instants_became_no_run_and_which_run_they_met(
    log: Log, overlap: Overlap, folds: bool, fate: str
) -> None:
    job = await load_job(log, J)
    assert job is not None
    items = tuple(wish(n, overlap=overlap, folds=folds) for n in (1, 2, 3))
    done = await decided(log, Unit(job_id=J, version=1, mark=job.mark, through=await past(log, job.mark), items=items))

    assert done.results == ["done"]
    met = [(one.unit, one.item, one.fate, one.other) for one in done.met]
    waits = 2 if folds else 1  # the first that is in the way: under `buffer_one` the second may wait
    assert met == [(0, item, fate, run_of(waits)) for item in range(waits, 3)]


@pytest.mark.parametrize(
    ("overlap", "tag", "runs_afterwards"),
    [("skip", "fire.skipped", False), ("buffer_one", "run.requested", True), ("buffer_all", "run.requested", True)],
)
async def test_an_instant_that_meets_a_run_by_hand_becomes_what_the_policy_of_the_job_says(
    log: Log, overlap: Overlap, tag: str, runs_afterwards: bool
) -> None:
    await ask(log, wish(1))
    [by_hand] = (await grab(log, 1)).grants
    job = await load_job(log, J)
    assert job is not None
    items = (wish(2, overlap=overlap),)
    await decided(log, Unit(job_id=J, version=1, mark=job.mark, through=await past(log, job.mark), items=items))
    assert tag in (await tags_of(log))[-2:]
    await finish(log, ending(by_hand))
    assert [grant.run_id for grant in (await grab(log, 2)).grants] == ([run_of(2)] if runs_afterwards else [])


async def test_runs_of_a_job_that_may_overlap_are_all_due(log: Log) -> None:
    await ask(log, wish(1), wish(2))
    assert len((await grab(log, 1)).grants) == 2


async def test_skip_names_the_run_that_blocks(log: Log) -> None:
    await ask(log, wish(1, overlap="skip"), wish(2, overlap="skip"))
    event = (await events_of(log))[-1]
    assert isinstance(event, FireSkipped)
    assert event.blocked_by == run_of(1)
    assert await find_run(log, run_of(2)) is None


async def test_skip_looks_at_delayed_runs_too(log: Log) -> None:
    await ask(log, wish(1, overlap="skip", ready_at=await now(log, 0) + 60_000), wish(2, overlap="skip"))
    assert (await tags_of(log))[-1] == "fire.skipped"


async def test_a_job_is_free_again_after_the_terminal_event(log: Log) -> None:
    await ask(log, wish(1, overlap="skip"))
    [grant] = (await grab(log, 1)).grants
    await finish(log, ending(grant))
    await ask(log, wish(2, overlap="skip"))
    assert await state_of(log, 2) == "queued"


async def test_a_retry_keeps_the_job_occupied(log: Log) -> None:
    await ask(log, wish(1, overlap="skip"))
    [grant] = (await grab(log, 1)).grants
    await finish(log, ending(grant, status=None, ready_at=await now(log, 0) + 60_000))
    await ask(log, wish(2, overlap="skip"))
    assert (await tags_of(log))[-1] == "fire.skipped"


async def test_buffer_one_lets_one_wait_and_folds_the_next_into_it(log: Log) -> None:
    await ask(log, *(wish(n, overlap="buffer_one", folds=True) for n in (1, 2, 3)))
    assert [await state_of(log, n) for n in (1, 2)] == ["queued", "waiting"]
    waits, folded = (await events_of(log))[-2:]
    assert isinstance(waits, RunRequested)
    assert (waits.state, waits.waiting_on) == ("waiting", run_of(1))
    assert isinstance(folded, FireCoalesced)
    assert folded.into == run_of(2)
    assert await find_run(log, run_of(3)) is None


async def test_a_waiting_run_is_due_when_the_one_before_it_ends(log: Log) -> None:
    await ask(log, *(wish(n, overlap="buffer_all") for n in (1, 2, 3)))
    for number, claimed in ((1, 1), (2, 2), (3, 3)):
        [grant] = (await grab(log, claimed)).grants
        assert grant.run_id == run_of(number)
        assert grant.serial
        await finish(log, ending(grant))
    assert (await grab(log, 4)).grants == []


async def test_a_waiting_run_keeps_its_own_time(log: Log) -> None:
    later = await now(log, 0) + 60_000
    await ask(log, wish(1, overlap="buffer_all"), wish(2, overlap="buffer_all", ready_at=later))
    [grant] = (await grab(log, 1)).grants
    await finish(log, ending(grant))
    assert await state_of(log, 2) == "delayed"


async def test_buffer_all_is_bounded(log: Log) -> None:
    job = await load_job(log, J)
    assert job is not None
    items = tuple(wish(n, overlap="buffer_all") for n in range(1, 1003))
    unit = Unit(job_id=J, version=1, mark=job.mark, through=await past(log, job.mark), items=items)
    assert (await decided(log, unit)).results == ["done"]
    tags = await tags_of(log)
    assert tags.count("run.requested") == 1001
    assert tags[-1] == "fire.skipped"
    event = (await events_of(log))[-1]
    assert isinstance(event, FireSkipped)
    assert event.blocked_by is not None


async def test_cancel_other_ends_what_has_not_started(log: Log) -> None:
    await ask(log, wish(1, overlap="cancel_other"), wish(2, overlap="cancel_other"))
    assert await state_of(log, 1) == "cancelled"
    assert await state_of(log, 2) == "queued"
    ended = (await events_of(log))[-2]
    assert isinstance(ended, RunCancelled)
    assert (ended.run_id, ended.job_id, ended.reason, ended.attempt) == (run_of(1), J, "replaced", 0)
    assert [grant.run_id for grant in (await grab(log, 1)).grants] == [run_of(2)]


async def test_cancel_other_asks_what_runs_to_stop_and_waits(log: Log) -> None:
    await ask(log, wish(1, overlap="cancel_other"))
    [grant] = (await grab(log, 1)).grants
    await ask(log, *(wish(n, overlap="cancel_other", folds=True) for n in (2, 3)))
    asked, waits, folded = (await events_of(log))[-3:]
    assert isinstance(asked, RunCancelRequested)
    assert (asked.run_id, asked.reason) == (run_of(1), "replaced")
    assert isinstance(waits, RunRequested)
    assert waits.waiting_on == run_of(1)
    assert isinstance(folded, FireCoalesced)
    assert folded.into == run_of(2)
    await finish(log, ending(grant, status="cancelled"))
    assert await state_of(log, 2) == "queued"


async def test_a_command_that_is_blocked_requests_nothing(log: Log) -> None:
    await ask(log, wish(1, overlap="skip"))
    before = await tags_of(log)
    blocked = await request(log, wish(2, overlap="skip", refuses=True), command=Command(id="trigger"))
    assert blocked == Blocked(run_of(1))
    assert await tags_of(log) == before


async def test_a_command_that_is_repeated_is_answered_again(log: Log) -> None:
    first = await request(log, wish(1, overlap="skip"), command=Command(id="trigger"))
    again = await request(log, wish(1, overlap="skip"), command=Command(id="trigger"))
    assert isinstance(first, Requested)
    assert again == first


async def test_only_unfinished_runs_of_the_same_job_count(log: Log) -> None:
    await ask(log, wish(1, overlap="skip"), wish(0, job_id=None, run_id=run_of(9), overlap="skip"))
    assert await state_of(log, 9) == "queued"
