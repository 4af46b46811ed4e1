"""What an executor tells of itself reaches the log, in order."""

from __future__ import annotations

from datetime import datetime

import pytest

from tests.integration.worker import samples
from tests.integration.worker.shop import Shop
from waterclock.model.events import (
    RunSucceeded,
    StepFinished,
    StepLogged,
    StepProgressed,
    StepStarted,
)
from waterclock_worker.reporting.bounds import LINE_MOST
from waterclock_worker.reporting.pending import CAPPED


async def test_steps_lines_and_progress_are_stored_in_order_and_before_the_end(shop: Shop) -> None:
    async with shop.worker(samples.steps):
        run = await shop.run("t.steps")
        await shop.event(RunSucceeded, run)
    told = shop.of(run)[2:-1]
    assert [type(event) for event in told] == [
        StepLogged, StepStarted, StepLogged, StepProgressed, StepLogged, StepFinished, StepStarted, StepFinished,
    ]  # fmt: skip
    assert await shop.lines(run) == ["before", "1 of 2", "printed", "logged"]
    progress = await shop.event(StepProgressed, run)
    assert (progress.number, progress.done, progress.total) == (1, 2, 2)
    assert (await shop.event(StepLogged, run)).number is None
    assert (await shop.event(StepLogged, run, count=2)).number == 1
    failed = await shop.event(StepFinished, run, count=2)
    assert (failed.number, failed.status) == (2, "failed")
    assert failed.error is not None
    assert failed.error.type == "RuntimeError"


async def test_what_a_thread_prints_lands_in_its_runs_log_and_not_in_anothers(shop: Shop) -> None:
    async with shop.worker(samples.prints):
        runs = [await shop.run("t.prints", {"text": f"number {place}", "times": 20}) for place in range(4)]
        for place, run in enumerate(runs):
            await shop.event(RunSucceeded, run)
            assert await shop.lines(run) == [f"number {place}"] * 20 + ["no end of line"]


async def test_the_log_of_an_attempt_is_bounded_and_says_so(shop: Shop) -> None:
    async with shop.worker(samples.chatters):
        run = await shop.run("t.chatters")
        await shop.event(RunSucceeded, run)
    lines = await shop.lines(run)
    assert lines.count(CAPPED) == 1
    head, rest = lines[: lines.index(CAPPED)], lines[lines.index(CAPPED) + 1 :]
    assert 4_100_000 < sum(map(len, head)) <= 4 * 1024 * 1024
    gap = int(rest[0].removeprefix("gap: ").split()[0])
    assert rest[-1] == "the end"
    assert len(head) + gap + len(rest) - 2 == 300
    assert len(lines[0]) < LINE_MOST + 40
    assert lines[0].endswith("[cut, 20000 characters]")


@pytest.mark.parametrize("target", ["t.context", "t.child_context"])
async def test_an_attempt_is_told_when_its_job_last_succeeded_and_its_trace(shop: Shop, target: str) -> None:
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    async with shop.worker(samples.tells_context, samples.child_context):
        job = await shop.job(target)
        first = await shop.event(RunSucceeded, await shop.run(target, job=job))
        second = await shop.event(RunSucceeded, await shop.run(target, job=job, traceparent=trace))
    assert first.result == {"previous": None, "trace": None}
    assert second.result["trace"] == trace
    asked_at = await shop.requested_at(first.run_id)
    assert datetime.fromisoformat(second.result["previous"]).timestamp() * 1000 == pytest.approx(asked_at)


async def test_text_that_no_store_can_hold_is_mended(shop: Shop) -> None:
    async with shop.worker(samples.mumbles):
        run = await shop.run("t.mumbles")
        await shop.event(RunSucceeded, run)
    assert await shop.lines(run) == ["a\N{REPLACEMENT CHARACTER}b ?"]


@pytest.mark.soak
@pytest.mark.parametrize("target", ["t.short_lines", "t.child_short_lines"])
async def test_as_many_short_lines_as_were_once_all_that_a_log_held_are_kept_whole(shop: Shop, target: str) -> None:
    """60 948 of them were 0.29 MiB of text, and taken for 4 MiB; what came after was lost."""
    async with shop.worker(samples.short_lines, samples.child_short_lines):
        run = await shop.run(target, {"text": "", "times": 60_948})
        await shop.event(RunSucceeded, run)
    assert await shop.lines(run) == [str(number) for number in range(60_948)]
