"""Metrics of jobs with the label `monitor`: each is told by one projector, and the same by whoever comes next."""

from __future__ import annotations

import re
import signal
from collections.abc import Awaitable, Callable

import pytest

from tests.contract.log import build
from tests.integration.stage import DEADLINE, Stage, staged, work
from tests.integration.test_handover import PARTITIONS, Projector, jobs, one_owner, shared
from tests.support.waiting import until
from waterclock.kit.telemetry import catalog
from waterclock.log.commands.jobs import load_job
from waterclock.log.liveness import sessions
from waterclock.model.cron.schedule import parse
from waterclock.model.events import RunSucceeded
from waterclock.model.ids import JobId
from waterclock_api.projector.monitored_jobs import MonitoredJobs

NIGHTLY = "0 2 * * *"
Series = tuple[str, str]
"""Metric and labels."""
UNMONITORED: Series = ("waterclock_unmonitored_jobs", "")
_LINE = re.compile(r"(waterclock_(?:job_|unmonitored_)\w+)(?:\{(.*)\})? (\S+)")


def told(text: str) -> dict[Series, float]:
    return {(found[1], found[2] or ""): float(found[3]) for found in map(_LINE.fullmatch, text.splitlines()) if found}


async def fail(stage: Stage, number: int, job: JobId) -> None:
    await build.ask(stage.log, build.wish(number, job_id=job))
    partition, session = stage.log.partition_of(job), f"f{number}-{job}"
    await sessions.join(stage.log, session, body=None)
    claimed = await build.grab(stage.log, 1, session=session, partition=partition)
    await build.finish(stage.log, *(build.ending(one, status="failed") for one in claimed.grants), partition=partition)


async def looked(stage: Stage) -> None:
    await MonitoredJobs(stage.pool, lambda: range(stage.log.partitions)).look()


async def test_each_job_is_told_by_one_projector_and_the_counts_stay_when_another_takes_over(
    redis_url: str, key_prefix: str, migrated_postgres_url: str
) -> None:
    async with staged(redis_url, key_prefix, migrated_postgres_url, PARTITIONS) as stage:
        killed, other = (Projector(stage, migrated_postgres_url) for _ in range(2))
        async with other.running(), killed.running():
            await shared(stage)
            for job, name in zip(jobs(stage), ("first", "second"), strict=True):
                await build.create(stage.log, job, job_name=name, labels={"monitor": ""}, overlap_policy="buffer_all")
                await work(stage.log, 1, 2, job=job)
                await fail(stage, 3, job)
            await stage.projected()

            both = await until(all_told(2, killed, other), within=DEADLINE, what="both jobs are told")
            for name in ("first", "second"):
                found = counts(both, name)
                assert found == {"succeeded": 2, "failed": 1, "timedOut": 0, "cancelled": 0, "died": 0}

            killed.signal(signal.SIGKILL)
            await until(lambda: one_owner(stage), within=DEADLINE, what="one has all partitions")
            await work(stage.log, 4, job=jobs(stage)[0])
            await stage.projected()
            left = await until(all_told(3, other), within=DEADLINE, what="one tells both jobs")
            assert counts(left, "first") == counts(both, "first") | {"succeeded": 3}
            assert counts(left, "second") == counts(both, "second")
            kept = ("waterclock_job_last_end_timestamp_seconds", 'job="DEFAULT/second"')
            assert left[kept] == both[kept]


async def test_times_are_those_of_the_events_and_what_is_due_next_is_what_is_not_decided(
    redis_url: str, key_prefix: str, migrated_postgres_url: str
) -> None:
    async with staged(redis_url, key_prefix, migrated_postgres_url) as stage, stage.projecting():
        await stage.ready.wait()
        await build.create(stage.log, labels={"monitor": ""}, cron_expression=NIGHTLY, timezone="Europe/Berlin")
        await stage.projected()
        await looked(stage)
        stored = await load_job(stage.log, build.J)
        assert stored is not None
        due = parse(NIGHTLY, timezone="Europe/Berlin").after(stored.mark)
        assert catalog.JOB_NEXT.series == {("DEFAULT/report",): due / 1000 if due else None}
        assert catalog.JOB_SUCCESS.series == catalog.JOB_FAILURE.series == catalog.JOB_END.series == {}
        assert set(catalog.JOB_ENDED.series.values()) == {0}, "so that the first one is seen to come"

        await work(stage.log, 1)
        await stage.projected()
        await looked(stage)
        [end] = [one.at for one in await stage.archived() if isinstance(one.event, RunSucceeded)]
        assert catalog.JOB_SUCCESS.series == catalog.JOB_END.series == {("DEFAULT/report",): end / 1000}

        await build.change(stage.log, kind="disable", labels={"monitor": ""}, cron_expression=NIGHTLY)
        await stage.projected()
        await looked(stage)
        assert catalog.JOB_NEXT.series == {}, "a job that is disabled has nothing due"
        assert len(catalog.JOB_ENDED.series) == 5

        await build.change(stage.log, kind="delete")
        await stage.projected()
        await looked(stage)
        assert catalog.JOB_ENDED.series == {}


async def test_a_projector_that_follows_nothing_or_reaches_no_store_tells_nothing(
    redis_url: str, key_prefix: str, migrated_postgres_url: str
) -> None:
    async with staged(redis_url, key_prefix, migrated_postgres_url) as stage:
        async with stage.projecting():
            await stage.ready.wait()
            await build.create(stage.log, labels={"monitor": ""})
            await stage.projected()
        await looked(stage)
        assert catalog.JOB_ENDED.series
        await MonitoredJobs(stage.pool, frozenset).look()
        assert catalog.JOB_ENDED.series == catalog.UNMONITORED.series == {}
        await looked(stage)
        await stage.pool.close()
        await looked(stage)
        assert catalog.JOB_ENDED.series == catalog.UNMONITORED.series == {}


async def test_jobs_beyond_the_bound_are_counted(
    redis_url: str, key_prefix: str, migrated_postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalog, "MONITORED_MOST", 1)
    async with staged(redis_url, key_prefix, migrated_postgres_url) as stage, stage.projecting():
        await stage.ready.wait()
        for name in ("a", "b", "c"):
            await build.create(stage.log, JobId(name), labels={"monitor": ""})
        await stage.projected()
        await looked(stage)
        assert len(catalog.JOB_ENDED.series) == 5
        assert catalog.UNMONITORED.series == {(): 2}


def all_told(succeeded: int, *projectors: Projector) -> Callable[[], Awaitable[dict[Series, float] | None]]:
    """What these tell together: both jobs, each by one, when the first has succeeded so often.

    For a moment it may be otherwise: one that hands over tells by what it followed a second ago.
    """

    async def look() -> dict[Series, float] | None:
        by_each = [told(await one.metrics()) for one in projectors]
        series = [one for by_one in by_each for one in by_one if one != UNMONITORED]
        found = {series: number for by_one in by_each for series, number in by_one.items()}
        ended = [one for one in series if one[0] == "waterclock_job_last_failure_timestamp_seconds"]
        if len(ended) != 2 or len(series) != len(set(series)) or counts(found, "first")["succeeded"] != succeeded:
            return None
        assert found[UNMONITORED] == 0
        return found

    return look


def counts(found: dict[Series, float], name: str) -> dict[str, float]:
    start = f'job="DEFAULT/{name}",outcome="'
    return {
        labels.removeprefix(start)[:-1]: number
        for (metric, labels), number in found.items()
        if metric == "waterclock_job_ended_total" and labels.startswith(start)
    }
