"""Decisions: each unit whole, once, at the version and mark that its scheduler saw."""

import asyncio

import pytest

from tests.contract.log.build import J, create, decided, entries_of, open_all, past, run_of, skipped, tags_of, wish
from waterclock.log.client import Log
from waterclock.log.clock import now
from waterclock.log.commands.bodies import part
from waterclock.log.commands.jobs import Appended, load_job
from waterclock.log.commands.requests import Decided, Item, Quiet, Request, Unit, decide
from waterclock.log.commands.runs import LiveRun, find_run
from waterclock.log.connection.errors import ClockAhead, StaleTerm
from waterclock.log.liveness.leadership import acquire
from waterclock.model.events import LeadershipTaken
from waterclock.model.ids import JobId, created_job


async def created(log: Log, job_id: JobId = J) -> int:
    done = await create(log, job_id)
    assert isinstance(done, Appended)
    return done.mark


def unit(mark: int, through: int, *items: Item, job_id: JobId = J, version: int = 1) -> Unit:
    return Unit(job_id=job_id, version=version, mark=mark, through=through, items=items)


async def mark_of(log: Log, job_id: JobId = J) -> int:
    job = await load_job(log, job_id)
    assert job is not None
    return job.mark


async def test_a_unit_is_appended_in_order_and_moves_the_mark(log: Log) -> None:
    mark = await created(log)
    through = await past(log, mark)
    done = await decided(log, unit(mark, through, Quiet(body=skipped(J)), wish(1), wish(2)))
    assert done.results == ["done"]
    assert done.now >= through
    assert await mark_of(log) == through
    assert (await tags_of(log))[2:] == ["fire.skipped", "run.requested", "run.requested"]
    assert isinstance(await find_run(log, run_of(2)), LiveRun)


async def test_of_two_deciders_one_decides(log: Log) -> None:
    mark = await created(log)
    through = await past(log, mark)
    async with asyncio.TaskGroup() as both:
        racers = [both.create_task(decided(log, unit(mark, through, wish(1)))) for _ in range(2)]
    assert sorted(racer.result().results for racer in racers) == [["done"], ["raced"]]
    assert (await tags_of(log)).count("run.requested") == 1


async def test_a_repeated_decision_decides_nothing(log: Log) -> None:
    mark = await created(log)
    through = await past(log, mark)
    assert (await decided(log, unit(mark, through, wish(1)))).results == ["done"]
    assert (await decided(log, unit(mark, through, wish(1)))).results == ["raced"]
    assert len(await entries_of(log)) == 3


async def test_a_run_that_is_known_is_not_requested_twice(log: Log) -> None:
    mark = await created(log)
    through = await past(log, mark)
    await decided(log, unit(mark, through, wish(1)))
    await decided(log, unit(through, await past(log, through), wish(1)))
    assert (await tags_of(log)).count("run.requested") == 1


@pytest.mark.parametrize(("version", "off"), [(2, 0), (1, 1)])
async def test_another_version_or_mark_loses(log: Log, version: int, off: int) -> None:
    mark = await created(log)
    lost = await decided(log, unit(mark - off, await past(log, mark), wish(1), version=version))
    assert lost.results == ["raced"]
    assert await mark_of(log) == mark


async def test_a_through_beyond_the_clock_is_refused(log: Log) -> None:
    mark = await created(log)
    done = await decided(log, unit(mark, await now(log, 0) + 60_000, wish(1)))
    assert done.results == ["future"]
    assert await mark_of(log) == mark


async def test_units_of_one_call_stand_and_fall_by_themselves(log: Log) -> None:
    others = [created_job(f"job {n}") for n in range(3)]
    marks = [await created(log, job_id) for job_id in others]
    through = await past(log, marks[-1])
    units = [
        unit(mark, through, wish(1, job_id=job_id), job_id=job_id, version=2 if place == 1 else 1)
        for place, (job_id, mark) in enumerate(zip(others, marks, strict=True))
    ]
    done = await decide(log, 0, units, term=0, expected_now=through)
    assert done.results == ["done", "raced", "done"]
    assert [await mark_of(log, job_id) for job_id in others] == [through, marks[1], through]


async def test_more_units_than_fit_a_call_are_all_decided(log: Log) -> None:
    mark = await created(log)
    items = tuple(wish(n) for n in range(450))
    through = await past(log, mark)
    deleted = [unit(0, 0, job_id=created_job(f"gone {n}")) for n in range(300)]
    done = await decide(log, 0, [unit(mark, through, *items), *deleted], term=0, expected_now=through)
    assert done.results == ["done"] + ["raced"] * 300
    assert (await tags_of(log)).count("run.requested") == 450


async def test_an_old_term_is_refused(log: Log) -> None:
    mark = await created(log)
    body = part(LeadershipTaken, scheduler="s")
    first = await acquire(log, 0, scheduler="s", ttl_ms=1000, body=body)
    meta = log.keys.partition(0, "meta")
    await log.execute(meta, "HSET", meta, "leader_until", 0)
    second = await acquire(log, 0, scheduler="t", ttl_ms=1000, body=body)
    with pytest.raises(StaleTerm):
        await decided(log, unit(mark, await past(log, mark), wish(1)), term=first.term)
    assert (await decided(log, unit(mark, await past(log, mark), wish(1)), term=second.term)).results == ["done"]


async def test_a_store_far_ahead_of_its_scheduler_decides_nothing(log: Log) -> None:
    mark = await created(log)
    with pytest.raises(ClockAhead):
        await decide(log, 0, [unit(mark, await past(log, mark))], term=0, expected_now=mark - 3000)


async def test_only_what_moves_a_mark_writes_the_clock(log: Log) -> None:
    meta = log.keys.partition(0, "meta")
    mark = await created(log)
    before = await log.execute(meta, "HGET", meta, "clock")
    await open_all(log, epoch=1)
    await acquire(log, 0, scheduler="s", ttl_ms=1000, body=part(LeadershipTaken, scheduler="s"))
    assert await log.execute(meta, "HGET", meta, "clock") == before
    await decided(log, unit(mark, await past(log, mark)), term=1)
    assert await log.execute(meta, "HGET", meta, "clock") >= before


async def test_a_run_of_the_future_is_delayed(log: Log) -> None:
    mark = await created(log)
    later = await now(log, 0) + 60_000
    late: Request = wish(1, ready_at=later)
    done: Decided = await decided(log, unit(mark, await past(log, mark), late))
    assert done.results == ["done"]
    run = await find_run(log, run_of(1))
    assert isinstance(run, LiveRun)
    assert (run.record.state, run.record.ready_at) == ("delayed", later)
