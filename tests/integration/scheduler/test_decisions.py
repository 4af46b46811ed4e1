"""What a scheduler decides, against a real server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from itertools import pairwise

import pytest

from tests.integration.scheduler.stage import (
    Stage,
    assert_unbroken,
    decisions_of,
    instants,
    is_decision_of,
    is_leadership,
    lateness_ms,
    scheduling,
)
from waterclock.log.client import Log
from waterclock.log.commands import jobs
from waterclock.log.commands.jobs import StoredJob
from waterclock.log.connection.errors import Unreadable
from waterclock.model.events import FireCoalesced, FireSkipped, RunRequested
from waterclock.model.ids import JobId, due_run
from waterclock.model.timestamps import millis, stamp
from waterclock_scheduler.change_feed import ChangeFeed

EVERY_SECOND = "* * * * * *"


async def test_a_job_of_every_second_is_decided_on_time_and_never_early(stage: Stage) -> None:
    job = await stage.create(EVERY_SECOND)

    async with scheduling(stage.log):
        found = await stage.until(lambda entry: is_decision_of(job, entry), count=2)

    assert all(0 <= lateness_ms(entry) < 500 for entry in found)
    assert_unbroken(job, decisions_of(job, found))


async def test_jobs_of_one_schedule_each_get_their_run_of_each_instant(stage: Stage) -> None:
    made = [await stage.create(EVERY_SECOND) for _ in range(20)]

    async with scheduling(stage.log):
        for job in made:
            await stage.until(lambda entry, job=job: is_decision_of(job, entry), count=2)

    for job in made:
        decisions = await stage.decisions(job)
        assert_unbroken(job, decisions)
        runs = [decision.run_id for decision in decisions if isinstance(decision, RunRequested)]
        assert runs == [due_run(job.job_id, instant) for instant in instants(decisions)]


async def test_late_instants_of_a_job_that_does_nothing_about_them_are_one_skip(stage: Stage) -> None:
    now = await stage.now() // 1000 * 1000
    job = await stage.create(
        EVERY_SECOND, mark=now - 20_000, misfire_policy="3", misfire_threshold=2, end_at=stamp(now - 5_000)
    )

    async with scheduling(stage.log):
        await stage.until(lambda entry: is_decision_of(job, entry))

    (skip,) = await stage.decisions(job)
    assert isinstance(skip, FireSkipped)
    assert (skip.count, skip.reason) == (15, "misfire")
    assert (millis(skip.first), millis(skip.last)) == (now - 19_000, now - 5_000)


async def test_late_instants_of_a_job_that_executes_every_one_run_at_a_pace_oldest_first(stage: Stage) -> None:
    now = await stage.now() // 1000 * 1000
    job = await stage.create(
        EVERY_SECOND,
        mark=now - 20_000,
        misfire_policy="1",
        misfire_threshold=2,
        catchup_limit=10,
        catchup_pace=0.5,
        end_at=stamp(now - 5_000),
    )

    async with scheduling(stage.log):
        await stage.until(lambda entry: is_decision_of(job, entry), count=11)

    skip, *runs = await stage.decisions(job)
    assert isinstance(skip, FireSkipped)
    assert (skip.count, skip.reason) == (5, "overflow")
    assert list(instants(runs)) == list(range(now - 14_000, now - 4_000, 1000))
    assert {run.trigger for run in runs if isinstance(run, RunRequested)} == {"catchup"}
    ready = [millis(run.ready_at) for run in runs if isinstance(run, RunRequested) and run.ready_at is not None]
    assert [later - earlier for earlier, later in pairwise(ready)] == [500] * 8
    assert_unbroken(job, [skip, *runs])


async def test_late_instants_of_a_job_that_executes_once_fold_into_one_run(stage: Stage) -> None:
    now = await stage.now() // 1000 * 1000
    job = await stage.create(
        EVERY_SECOND, mark=now - 20_000, misfire_policy="2", misfire_threshold=2, end_at=stamp(now - 5_000)
    )

    async with scheduling(stage.log):
        await stage.until(lambda entry: is_decision_of(job, entry), count=2)

    folded, run = await stage.decisions(job)
    assert isinstance(folded, FireCoalesced)
    assert isinstance(run, RunRequested)
    assert (folded.count, folded.into) == (14, run.run_id)
    assert run.nominal_at == stamp(now - 5_000)
    assert (run.folded, run.folded_first) == (14, stamp(now - 19_000))
    assert_unbroken(job, [folded, run])


async def test_instants_less_late_than_the_threshold_each_fire(stage: Stage) -> None:
    now = await stage.now() // 1000 * 1000
    job = await stage.create(EVERY_SECOND, mark=now - 5_000, end_at=stamp(now))

    async with scheduling(stage.log):
        await stage.until(lambda entry: is_decision_of(job, entry), count=5)

    assert list(instants(await stage.decisions(job))) == list(range(now - 4_000, now + 1, 1000))


async def test_a_job_that_may_not_overlap_skips_while_a_run_of_it_is_unfinished(stage: Stage) -> None:
    job = await stage.create(EVERY_SECOND, concurrent="1", misfire_policy="3")

    async with scheduling(stage.log):
        await stage.until(lambda entry: is_decision_of(job, entry), count=2)

    first, second, *_ = await stage.decisions(job)
    assert isinstance(first, RunRequested)
    assert isinstance(second, FireSkipped)
    assert (second.reason, second.blocked_by) == ("overlap", first.run_id)


async def test_a_run_with_jitter_waits_until_it_is_ready(stage: Stage) -> None:
    now = await stage.now() // 1000 * 1000
    job = await stage.create(EVERY_SECOND, mark=now - 1_000, end_at=stamp(now), jitter=3600)

    async with scheduling(stage.log):
        await stage.until(lambda entry: is_decision_of(job, entry))

    (run,) = await stage.decisions(job)
    assert isinstance(run, RunRequested)
    assert run.state == "delayed"
    assert run.ready_at is not None
    assert now < millis(run.ready_at) < now + 3_600_000


async def test_jobs_that_are_disabled_on_demand_or_not_begun_are_left_alone(stage: Stage) -> None:
    now = await stage.now()
    quiet = [
        await stage.create(EVERY_SECOND, mark=now - 5_000, status="1"),
        await stage.create(None, mark=now - 5_000),
        await stage.create(EVERY_SECOND, mark=now - 5_000, start_at=stamp(now + 3_600_000)),
        await stage.create(EVERY_SECOND, mark=now - 5_000, end_at=stamp(now - 6_000)),
    ]
    busy = await stage.create(EVERY_SECOND)

    async with scheduling(stage.log):
        await stage.until(lambda entry: is_decision_of(busy, entry), count=2)

    assert [await stage.decisions(job) for job in quiet] == [[], [], [], []]


async def test_a_changed_schedule_holds_within_a_second(stage: Stage) -> None:
    job = await stage.create("0 0 1 1 *")

    async with scheduling(stage.log):
        await stage.until(is_leadership)
        changed = await stage.change(job, cron_expression=EVERY_SECOND)
        (first,) = await stage.until(lambda entry: is_decision_of(job, entry))

    assert lateness_ms(first) < 1_000
    assert_unbroken(changed, await stage.decisions(job))


async def test_a_deleted_job_fires_no_more(stage: Stage) -> None:
    job = await stage.create(EVERY_SECOND)
    other = await stage.create(EVERY_SECOND)

    async with scheduling(stage.log):
        await stage.until(lambda entry: is_decision_of(job, entry))
        await stage.delete(job)
        decided = len(await stage.decisions(job))
        so_far = len(await stage.decisions(other))
        await stage.until(lambda entry: is_decision_of(other, entry), count=so_far + 1)

    assert len(await stage.decisions(job)) == decided


async def test_a_job_of_a_queue_that_does_not_exist_holds_up_no_other(stage: Stage) -> None:
    lost = await stage.create(EVERY_SECOND, queue="nowhere")
    job = await stage.create(EVERY_SECOND)

    async with scheduling(stage.log):
        await stage.until(lambda entry: is_decision_of(job, entry))

    assert await stage.decisions(lost) == []
    assert_unbroken(job, await stage.decisions(job))


async def test_what_is_known_is_decided_while_the_rest_is_read(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    made = [await stage.create(EVERY_SECOND) for _ in range(3)]
    scan = jobs.scan_jobs

    async def slow(log: Log, partition: int) -> AsyncIterator[list[StoredJob | Unreadable]]:
        """One job and nothing else until its instant has passed; the others when it has been decided."""
        async for first, *others in scan(log, partition):
            yield [first]
            await asyncio.sleep(1)
            yield []
            assert isinstance(first, StoredJob)
            await stage.until(lambda entry, first=first: is_decision_of(first, entry))
            yield others

    monkeypatch.setattr("waterclock_scheduler.decider.jobs.scan_jobs", slow)
    async with scheduling(stage.log):
        for job in made:
            await stage.until(lambda entry, job=job: is_decision_of(job, entry), count=2)


async def test_a_job_that_is_gone_when_all_are_read_again_is_known_no_more(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    heard: list[set[JobId] | None] = [set()]

    async def rung(_: ChangeFeed) -> set[JobId] | None:
        """Nothing of any job; once that entries are missing, after which only a reading of all will tell."""
        return heard.pop() if heard else set()

    monkeypatch.setattr(ChangeFeed, "rung", rung)
    caplog.set_level("INFO", "waterclock_scheduler.decider")
    kept = await stage.create(EVERY_SECOND)
    gone = await stage.create("0 0 1 1 *")
    async with scheduling(stage.log):
        await stage.until(lambda entry: is_decision_of(kept, entry))
        await stage.delete(gone)
        heard.append(None)
        await stage.until(lambda entry: is_decision_of(kept, entry), count=3)

    known = [record.__dict__["jobs"] for record in caplog.records if record.message == "jobs loaded"]
    assert known == [2, 1]
    assert_unbroken(kept, await stage.decisions(kept))


async def test_a_job_that_nobody_can_read_is_named_and_the_others_are_decided(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    job, ruined, ruined_later = [await stage.create(EVERY_SECOND) for _ in range(3)]
    stored = stage.log.keys.partition(0, "jobs")
    await stage.log.execute(stored, "HSET", stored, ruined.job_id, "no job")

    async with scheduling(stage.log) as running:
        await stage.until(lambda entry: is_decision_of(job, entry))
        await stage.log.execute(stored, "HSET", stored, ruined_later.job_id, "no job")
        running.scheduler.changed(0, ruined_later.job_id)
        await stage.until(lambda entry: is_decision_of(job, entry), count=4)

    named = [record.__dict__["job"] for record in caplog.records if record.message == "job unreadable"]
    assert (named[0], set(named)) == (ruined.job_id, {ruined.job_id, ruined_later.job_id})
    assert await stage.decisions(ruined) == []
