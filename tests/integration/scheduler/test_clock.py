"""A store whose clock leaps ahead decides nothing by it, until it is believed."""

from __future__ import annotations

import time

from tests.integration.scheduler.stage import Stage, assert_unbroken, is_decision_of, is_leadership, scheduling
from tests.support.leaps import leapt
from waterclock.log.liveness.store_clock import AGREEING_FOR_MS

HOUR = 3_600_000


async def test_a_leap_ahead_outlasts_the_term_and_is_believed_only_after_a_while(stage: Stage) -> None:
    job = await stage.create("* * * * * *")
    async with scheduling(stage.log):
        await stage.until(lambda entry: is_decision_of(job, entry))
        async with leapt(stage.log, ahead_ms=HOUR):
            began = time.monotonic()
            leap_at = await stage.now()
            await stage.until(is_leadership, count=2)  # by that clock the first term has long run out
            await stage.until(lambda entry: is_decision_of(job, entry) and entry.at >= leap_at)
            waited_s = time.monotonic() - began

    assert waited_s > AGREEING_FOR_MS / 1000
    assert_unbroken(job, await stage.decisions(job))


async def test_a_leap_that_is_taken_back_has_decided_nothing(stage: Stage) -> None:
    job = await stage.create("* * * * * *")
    async with scheduling(stage.log):
        await stage.until(lambda entry: is_decision_of(job, entry))
        async with leapt(stage.log, ahead_ms=HOUR):
            leap_at = await stage.now()
            await stage.until(is_leadership, count=2)
        key = stage.log.keys.partition(0, "meta")
        await stage.log.execute(key, "HSET", key, "clock", leap_at - HOUR)
        before = len(await stage.decisions(job))
        await stage.until(lambda entry: is_decision_of(job, entry), count=before + 2)

    entries = await stage.entries()
    assert all(entry.at < leap_at for entry in entries if is_decision_of(job, entry))
    assert_unbroken(job, await stage.decisions(job))
