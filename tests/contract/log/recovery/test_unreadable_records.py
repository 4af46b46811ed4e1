"""Records that nobody can read: their runs end, visibly, and stand in nobody's way."""

import msgspec
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
    wish,
)
from waterclock.log.client import Log
from waterclock.log.clock import now
from waterclock.log.commands.attempts import Grant, StepBatch, promote, record
from waterclock.log.commands.bodies import body_of, part
from waterclock.log.commands.idempotency import Command
from waterclock.log.commands.jobs import load_job, scan_jobs
from waterclock.log.commands.queues import depths
from waterclock.log.commands.requests import request
from waterclock.log.commands.runs import Cancelled, EndedRun, cancel, find_run
from waterclock.log.connection.errors import Unreadable
from waterclock.log.liveness.sessions import join, renew
from waterclock.log.recovery.repair import LOST_SESSION, return_attempts
from waterclock.model.events import RunCancelled, RunDied
from waterclock.model.ids import RunId, created_job, requested_run

BARE_RUN = requested_run(None, "a run without a job")
GARBAGE = (
    b"",
    b"x",  # a number, to msgpack
    b"several values",
    b"\xc1",
    msgspec.msgpack.encode(["queued", 7]),
    msgspec.msgpack.encode({"state": "queued"}),
    msgspec.msgpack.encode(["loitering", J, "default", False, "1-3", 0, "due", "1-1", 0, 0, 0, 0, "", 0, "", 0, 0, 0]),
    msgspec.msgpack.encode(
        ["queued", J, "default", False, "1-3", "soon", "due", "1-1", 0, 0, 0, 0, "", 0, "", 0, 0, 0]
    ),
    msgspec.msgpack.encode(["queued", J, "default", False, 13, 0, "due", "1-1", 0, 0, 0, 0, "", 0, "", 0, 0, 0]),
)


@pytest_asyncio.fixture(autouse=True)
async def at_work(log: Log) -> None:
    await create(log)
    await join(log, WORKER, body=None)


async def ruin(log: Log, run: RunId, garbage: bytes = GARBAGE[1], *, kind: str = "runs") -> None:
    key = log.keys.partition(0, kind)
    await log.execute(key, "HSET", key, run, garbage)


async def died(log: Log) -> list[RunId]:
    """Runs that ended for it, each told once."""
    found = [event for event in await events_of(log) if isinstance(event, RunDied)]
    assert all((one.reason, one.attempt, one.fence, one.settled) == ("storeLost", 0, 0, 0) for one in found)
    assert all(one.job_id == (None if one.run_id == BARE_RUN else J) for one in found)
    return [one.run_id for one in found]


async def assert_nothing_left(log: Log) -> None:
    for name in ("runs", "specs", "active", "held", "delayed", "waiting"):
        key = log.keys.partition(0, name)
        assert await log.execute(key, "EXISTS", key) == 0, name


def granted(grants: list[Grant]) -> list[RunId]:
    return [grant.run_id for grant in grants]


async def test_queued_runs_end_where_they_would_have_been_claimed(log: Log) -> None:
    ruined = [run_of(number) for number in range(len(GARBAGE))]
    await ask(log, *map(wish, range(len(GARBAGE))), wish(99), wish(0, job_id=None, run_id=BARE_RUN))
    for run, garbage in zip(ruined, GARBAGE, strict=True):
        await ruin(log, run, garbage)
    await ruin(log, BARE_RUN)

    [grant] = (await grab(log, 1)).grants

    assert grant.run_id == run_of(99)
    assert await died(log) == [*ruined, BARE_RUN]
    for run in ruined:
        ended = await find_run(log, run)
        assert isinstance(ended, EndedRun)
        assert ended.status == "died"
    await finish(log, ending(grant))
    await assert_nothing_left(log)


async def test_a_delayed_run_is_found_when_its_time_has_come(log: Log) -> None:
    later, delayed = await now(log, 0) + 3_600_000, log.keys.partition(0, "delayed")
    await ask(log, wish(1, ready_at=later), wish(2, ready_at=later))
    await ruin(log, run_of(1))
    await log.execute(delayed, "ZADD", delayed, 1, run_of(1), 1, run_of(2))
    assert (await depths(log, 0)).queues["critical"].queued == 1  # the first queue stands in for the one unknown
    assert (await promote(log, 0, body_cancelled=part(RunCancelled))).moved == 2

    [grant] = (await grab(log, 1)).grants

    assert grant.run_id == run_of(2)
    assert await died(log) == [run_of(1)]
    await finish(log, ending(grant))
    await assert_nothing_left(log)


async def test_a_run_that_waits_lets_those_behind_it_go(log: Log) -> None:
    await ask(log, *(wish(number, overlap="buffer_all") for number in (1, 2, 3)))
    [first] = (await grab(log, 1)).grants
    await ruin(log, run_of(2))
    await finish(log, ending(first))

    taken = granted((await grab(log, 2)).grants) + granted((await grab(log, 3)).grants)

    assert taken == [run_of(3)]
    assert await died(log) == [run_of(2)]


async def test_a_run_that_waits_and_is_asked_for_again_never_lets_two_run_at_once(log: Log) -> None:
    await ask(log, *(wish(number, overlap="buffer_all") for number in (1, 2, 3)))
    [first] = (await grab(log, 1)).grants
    await ruin(log, run_of(2))
    await ask(log, wish(2, overlap="buffer_all"))
    assert (await grab(log, 2)).grants == []
    assert await died(log) == [run_of(2)]
    assert (await grab(log, 3)).grants == []  # the first goes on
    await finish(log, ending(first))
    [third] = (await grab(log, 4)).grants
    assert third.run_id == run_of(3)
    await finish(log, ending(third))
    await assert_nothing_left(log)


async def test_an_edit_that_lets_all_go_comes_to_its_end(log: Log) -> None:
    await ask(log, *(wish(number, overlap="buffer_all") for number in (1, 2, 3)))
    await ruin(log, run_of(2))
    await change(log, kind="edit", releases=True)
    assert sorted(granted((await grab(log, 1)).grants)) == [run_of(1), run_of(3)]
    assert (await grab(log, 2)).grants == []
    assert await died(log) == [run_of(2)]


async def test_a_running_one_is_named_by_renewals_until_it_is_handed_back(log: Log) -> None:
    await ask(log, wish(1), wish(2))
    first, second = (await grab(log, 1)).grants
    await ruin(log, first.run_id)
    for number in (1, 2):
        held = {one.run_id: (one.fence, one.cancel) for one in (await renew(log, 0, WORKER, number)).held}
        assert held == {first.run_id: (0, False), second.run_id: (second.fence, False)}
    batch = StepBatch(run_id=first.run_id, fence=first.fence, number=1, bodies=[])
    assert await record(log, 0, [batch]) == ["refused"]

    unknown = msgspec.structs.replace(first, fence=0, attempt=0)
    assert await finish(log, ending(unknown, back=True)) == ["repeated"]

    assert [one.run_id for one in (await renew(log, 0, WORKER, 3)).held] == [second.run_id]
    assert (await grab(log, 2)).grants == []
    assert await died(log) == [first.run_id]
    assert await finish(log, ending(first), ending(second)) == ["refused", "done"]
    await assert_nothing_left(log)


async def test_its_own_end_is_refused_and_ends_it_all_the_same(log: Log) -> None:
    await ask(log, wish(1))
    [grant] = (await grab(log, 1)).grants
    await ruin(log, grant.run_id)
    assert await finish(log, ending(grant)) == ["refused"]
    assert (await grab(log, 2)).grants == []
    assert await died(log) == [run_of(1)]


async def test_a_dead_workers_run_is_found_by_the_sweep(log: Log) -> None:
    await ask(log, wish(1), wish(2))
    await grab(log, 1)
    await ruin(log, run_of(1))
    assert (await mop(log, 0)).state == "emptied"
    await join(log, "other", body=None)
    assert granted((await grab(log, 1, session="other")).grants) == [run_of(2)]
    assert await died(log) == [run_of(1)]


async def test_what_ran_when_the_log_was_lost_does_not_die_twice(log: Log) -> None:
    held = log.keys.partition(0, "held")
    await ask(log, wish(1))
    await grab(log, 1)
    await log.execute(held, "ZADD", held, 0, f"{LOST_SESSION}:{run_of(1)}")
    await ruin(log, run_of(1))
    await return_attempts(log, 0)
    assert (await grab(log, 2)).grants == []
    assert await died(log) == [run_of(1)]


async def test_it_can_be_cancelled(log: Log) -> None:
    await ask(log, wish(1))
    await ruin(log, run_of(1))
    assert await find_run(log, run_of(1)) is None
    asked = body_of(RunCancelled(run_id=run_of(1), job_id=J))
    done = await cancel(
        log, run_of(1), command=Command(id="stop"), body_requested=asked, body_cancelled=part(RunCancelled, job_id=J)
    )
    assert isinstance(done, Cancelled)
    assert done.at_once
    assert (await grab(log, 1)).grants == []
    assert await died(log) == []


async def test_an_end_that_nobody_can_read_is_forgotten(log: Log) -> None:
    await ask(log, wish(1))
    for kind in ("ended0", "ended1", "commands0", "commands1"):
        await ruin(log, run_of(2), kind=kind)
        await ruin(log, RunId("a key"), kind=kind)
    await request(log, wish(2), command=Command(id="a key", fingerprint="same", client=True))
    assert granted((await grab(log, 1)).grants) == [run_of(1), run_of(2)]


async def test_a_job_that_nobody_can_read_hides_no_other_and_bars_no_run(log: Log) -> None:
    other, jobs = created_job("another"), log.keys.partition(0, "jobs")
    await create(log, other)
    for number, garbage in enumerate(
        (b"", b"3 0-0", b"3 0-0 {}", b"\xff\x00", b"3 0-0 \xff", b"3 x-0 {}", b"{}"), start=1
    ):
        await ask(log, wish(number))
        await log.execute(jobs, "HSET", jobs, J, garbage)

        found = [job async for batch in scan_jobs(log, 0) for job in batch]

        assert [job.job_id for job in found if not isinstance(job, Unreadable)] == [other]
        assert [(job.kind, job.name) for job in found if isinstance(job, Unreadable)] == [("job", J)]
        with pytest.raises(Unreadable, match=J):
            await load_job(log, J)
        assert granted((await grab(log, number)).grants) == [run_of(number)]
