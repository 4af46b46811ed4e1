"""What a worker's log lines say of how runs ended: each failure, and some of the successes."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.integration.worker import samples
from tests.integration.worker.shop import PATIENCE, SAMPLES, Process, Shop
from waterclock.kit.telemetry.repeated_lines import tell_all
from waterclock.model.events import RunCancelled, RunFailed, RunLost, RunRetryScheduled, RunStarted
from waterclock.model.retry import RetryPolicy

ONCE = RetryPolicy(max_attempts=1)
SECRET = "hunter2-hunter2"


@pytest.fixture(autouse=True)
def heard(caplog: pytest.LogCaptureFixture) -> None:
    tell_all()  # what other tests have counted
    caplog.clear()
    caplog.set_level("INFO")


def told(caplog: pytest.LogCaptureFixture, *events: str) -> list[tuple[str, int, dict[str, Any]]]:
    """Event, level and fields of these lines."""
    return [(one.message, one.levelno, vars(one)) for one in caplog.records if one.message in events]


@asynccontextmanager
async def said(event: str) -> AsyncGenerator[None]:
    """At its end, wait until that line is written."""
    come = asyncio.Event()

    class Heard(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.getMessage() == event:
                come.set()

    handler = Heard()
    logging.getLogger().addHandler(handler)
    try:
        yield
        async with asyncio.timeout(PATIENCE):
            await come.wait()
    finally:
        logging.getLogger().removeHandler(handler)


async def test_a_run_that_fails_is_told_with_its_job_its_error_and_how_long_it_took(
    shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    async with shop.worker(samples.gives_up):
        run = await shop.run("t.giveup", named=("reports", "nightly"))
        await shop.event(RunFailed, run)
    [(_, level, fields)] = told(caplog, "run ended")
    assert level == logging.ERROR
    assert (fields["job"], fields["run"], fields["attempt"]) == ("reports/nightly", run, 1)
    assert (fields["outcome"], fields["error"]) == ("failed", "GiveUp: there is no use")
    assert (fields["executor"], fields["queue"]) == ("t.giveup", "default")
    assert 0 <= fields["took"] < PATIENCE


async def test_an_attempt_that_is_tried_again_is_told_with_when(shop: Shop, caplog: pytest.LogCaptureFixture) -> None:
    async with shop.worker(samples.raises):
        run = await shop.run("t.raise", retry=RetryPolicy(max_attempts=2, backoff="fixed", initial=0.1))
        await shop.event(RunFailed, run)
        scheduled = await shop.event(RunRetryScheduled, run)
    first, last = told(caplog, "attempt failed", "run ended")
    assert (first[0], first[1], last[0], last[1]) == ("attempt failed", logging.WARNING, "run ended", logging.ERROR)
    assert [one[2]["attempt"] for one in (first, last)] == [1, 2]
    assert first[2]["error"] == "ValueError: attempt 1 went wrong"
    assert (first[2]["next_attempt_at"], first[2]["max_attempts"]) == (scheduled.ready_at, 2)
    assert "job" not in first[2], "a run without a job has none"


async def test_no_next_attempt_is_told_where_none_follows(shop: Shop, caplog: pytest.LogCaptureFixture) -> None:
    async with shop.worker(samples.waits_and_fails):
        job = await shop.job("t.waits_and_fails")
        run = await shop.run("t.waits_and_fails", job=job)
        await shop.event(RunStarted, run)
        await shop.delete(job)
        samples.go_on(run)
        await shop.event(RunCancelled, run)
    [(event, level, fields)] = told(caplog, "attempt failed", "run ended")
    assert (event, level) == ("run ended", logging.ERROR)
    assert (fields["outcome"], fields["run_status"]) == ("failed", "cancelled")
    assert fields["error"] == "RuntimeError: no more"
    assert "next_attempt_at" not in fields


async def test_each_way_to_go_wrong_has_its_line(shop: Shop, caplog: pytest.LogCaptureFixture) -> None:
    async with shop.worker(samples.hangs, samples.echo):
        late = await shop.run("t.hang", timeout=0.1, retry=ONCE)
        unfit = await shop.run("t.echo", {"text": 7})
        await shop.settled([late, unfit])
    fields = {one["run"]: one for _, _, one in told(caplog, "run ended")}
    assert (fields[late]["outcome"], fields[late]["error"]) == ("timedOut", "Timeout: ran longer than 0.1 s")
    assert fields[unfit]["outcome"] == "badParams"
    assert fields[unfit]["error"].startswith("BadParams: /text expected")


async def test_of_successes_one_a_second_and_queue_is_told_and_the_others_are_counted(
    shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    async with shop.worker(samples.echo):
        runs = [
            await shop.run("t.echo", {"text": "ho"}, queue=queue) for queue in ("default", "low") for _ in range(20)
        ]
        await shop.settled(runs)
    tell_all()
    lines = [fields for _, _, fields in told(caplog, "run ended")]
    assert {fields["outcome"] for fields in lines} == {"succeeded"}
    for queue in ("default", "low"):
        of_queue = [fields for fields in lines if fields["queue"] == queue]
        assert len(of_queue) + sum(fields.get("more", 0) for fields in of_queue) == 20
        assert len(of_queue) < 20


async def test_a_run_whose_worker_died_is_told_by_who_finds_it(shop: Shop, caplog: pytest.LogCaptureFixture) -> None:
    job = await shop.job("t.waits")
    process = await Process.start(shop, "--executors", str(SAMPLES))
    try:
        run = await shop.run("t.waits", job=job)
        await shop.event(RunStarted, run)
    finally:
        await process.kill()
    async with shop.worker(samples.echo), said("attempt failed"):
        await shop.event(RunLost, run)
    [(_, level, fields)] = told(caplog, "attempt failed")
    assert level == logging.WARNING
    assert (fields["job"], fields["run"], fields["attempt"]) == (f"DEFAULT/{job}", run, 1)
    assert (fields["outcome"], fields["next"]) == ("lost", "queued again")
    assert fields["error"] == "worker p did not renew its lease"


@pytest.mark.parametrize("form", ["text", "json"])
async def test_a_line_is_one_and_bounded_and_holds_no_secret(shop: Shop, form: str) -> None:
    message = f"no\nlogin with {SECRET} " + "x" * 5000
    process = await Process.start(
        shop, WATERCLOCK_LOG_FORMAT=form, WATERCLOCK_S3_SECRET_KEY=SECRET, WATERCLOCK_KEYLESS="loopback"
    )
    try:
        await shop.run("demo.fail", {"message": message}, named=("reports", "nightly"), retry=ONCE)
        line = await process.says("run ended")
    finally:
        await process.kill()
    assert SECRET not in line
    assert len(line) < 3000
    assert "more characters]" in line
    if form == "json":
        fields = json.loads(line)
        assert (fields["event"], fields["job"], fields["outcome"]) == ("run ended", "reports/nightly", "failed")
        assert fields["error"].startswith("DemoError: no\nlogin with [secret] x")
        assert isinstance(fields["took"], float)
    else:
        assert " error   worker: run ended job=reports/nightly run=" in line
        assert r'error="DemoError: no\nlogin with [secret] x' in line
