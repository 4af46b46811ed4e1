"""What a run does to the process of its worker harms no run beside or after it, and is told where it is undone."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import pytest

from tests.integration.worker import samples
from tests.integration.worker.shop import Shop
from tests.support import misbehaving_states as states
from waterclock.model.events import RunFailed, RunSucceeded
from waterclock.model.retry import RetryPolicy
from waterclock_worker.execution import capture
from waterclock_worker.execution.isolation import state_watch
from waterclock_worker.reporting.step_log import StepLog

ONCE = RetryPolicy(max_attempts=1)


async def test_whatever_a_run_changes_is_put_back_and_told_and_no_line_of_others_is_lost(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One after the other, so that each is known by itself; an innocent run comes after each."""
    monkeypatch.setattr(state_watch, "SHARE", 1.0)
    async with shop.worker(*states.EXECUTORS, slots=1):
        fine = (await shop.event(RunSucceeded, await shop.run("states.innocent", retry=ONCE))).result
        for place, way in enumerate(states.WAYS):
            key = way.executor.key
            run = await shop.run(key, retry=ONCE)
            other = await shop.run(("states.innocent", "states.async.innocent")[place % 2], retry=ONCE)
            if way.error is None:
                await shop.event(RunSucceeded, run)
            else:
                assert (await shop.event(RunFailed, run)).error.type == way.error, key
            assert (await shop.event(RunSucceeded, other)).result == fine, key
            assert await shop.lines(other) == states.LINES, key
            lines = await shop.lines(run)
            assert lines[0] == "before", key
            told = [line for line in lines[1:] if way.told is not None and way.told in line]
            assert bool(told) == (way.told is not None), (key, lines)
            if way.column == "undone and told":
                assert "restored" in told[0], (key, told)
            if way.told is None and way.error is None:
                assert lines == ["before"], key


async def test_what_the_worker_says_when_it_settles_ends_is_in_its_own_log(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A thread, a task and a child have told of their ends by then, and their logs take nothing more."""
    plain, log = capture.ended, logging.getLogger("waterclock_worker.execution.capture")

    def ended(runs: Sequence[StepLog]) -> None:
        for one in runs:
            log.warning("settled %s", one.run_id)
        plain(runs)

    monkeypatch.setattr(capture, "ended", ended)
    async with shop.worker(samples.echo, samples.in_thread, samples.child):
        runs = [await shop.run(key, {"text": "said"}) for key in ("t.echo", "t.thread", "t.child")]
        for run in runs:
            await shop.event(RunSucceeded, run)
    told = {one.getMessage(): one for one in caplog.records}
    for run in runs:
        assert "waterclock_run" not in vars(told[f"settled {run}"])
        assert not [line for line in await shop.lines(run) if "settled" in line]
