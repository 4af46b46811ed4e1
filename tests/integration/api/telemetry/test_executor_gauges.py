"""What `/metrics` says of runs that wait for an executor, and for which."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.integration.api.conftest import MakeRig
from tests.integration.api.routes.test_queues import lacking, lacks, request
from waterclock.kit.telemetry import catalog
from waterclock.log.liveness import waiting
from waterclock.log.liveness.waiting import Group, Waiting
from waterclock_api.telemetry.metrics import tell_executors

PAUSE = "/v1/monitor/queues/low/pause"


@pytest.fixture(autouse=True)
def left_as_it_was() -> Iterator[None]:
    yield
    tell_executors(())


async def test_runs_that_lie_aside_or_that_no_session_can_take_are_told_by_executor(rig: MakeRig) -> None:
    async with rig() as api:
        await lacking(api)
        await request(api, "ml.train", "ml.train", 'say "hi"')
        await lacks(api)
        await request(api, "ml.train", "demo.noop", "ml.score")
        told = (await api.http.get("/metrics")).text

    lines = {line for line in told.splitlines() if line.startswith("waterclock_executor_waiting_runs")}
    assert lines == {
        'waterclock_executor_waiting_runs{executor="ml.train"} 3.0',
        'waterclock_executor_waiting_runs{executor="ml.score"} 1.0',
        'waterclock_executor_waiting_runs{executor="say \\"hi\\""} 1.0',
    }
    ages = [line for line in told.splitlines() if line.startswith("waterclock_executor_oldest_age_seconds")]
    assert len(ages) == 3
    assert all(0 <= float(line.rpartition(" ")[2]) < 60 for line in ages)
    assert 'waterclock_queue_runs{queue="low"} 3.0' in told


async def test_of_a_long_queue_the_gauge_counts_the_head_and_the_demand_all(
    rig: MakeRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "HEAD", 2)
    async with rig() as api:
        await request(api, *["ml.train"] * 4)
        told = (await api.http.get("/metrics")).text
        queues = (await api.http.get("/v1/monitor/queues", params={"executor": "ml.train"})).json()

    assert 'waterclock_executor_waiting_runs{executor="ml.train"} 2.0' in told
    assert queues["demand"] == 4


async def test_a_pause_is_no_wait_for_an_executor(rig: MakeRig) -> None:
    async with rig() as api:
        await request(api, "ml.train")
        await api.http.post(PAUSE)
        told = (await api.http.get("/metrics")).text

    assert "waterclock_executor_" not in told
    assert 'waterclock_queue_paused{queue="low"} 1.0' in told


def test_the_executors_with_the_most_runs_are_told_with_the_longest_wait() -> None:
    many = {("low", f"e{number}"): Group(number + 1, 9_000, 0, 0) for number in range(60)}
    here = {("default", "e59"): Group(0, 0, 1, 4_000), ("default", "known"): Group(5, 1, 0, 0)}
    one = Waiting(10_000, many | here, frozenset(), frozenset(), frozenset({"known"}))
    other = Waiting(10_000, {("low", "e58"): Group(3, 1_000, 0, 0)}, frozenset(), frozenset(), None)

    tell_executors([one, other])

    assert len(catalog.EXECUTOR_WAITING.series) == len(catalog.EXECUTOR_AGE.series) == 50
    assert catalog.EXECUTOR_WAITING.series["e59",] == 61
    assert catalog.EXECUTOR_AGE.series["e59",] == 6
    assert (catalog.EXECUTOR_WAITING.series["e58",], catalog.EXECUTOR_AGE.series["e58",]) == (59, 1)
