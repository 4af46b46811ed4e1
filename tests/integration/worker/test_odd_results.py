"""What an executor returns, raises and says is others' code and data: at worst its own attempt fails."""

from __future__ import annotations

import pytest

from tests.integration.worker import odd, samples
from tests.integration.worker.shop import Shop
from waterclock.model.events import RunCancelled, RunFailed, RunSucceeded, StepLogged
from waterclock.model.retry import RetryPolicy

pytestmark = pytest.mark.asyncio
ONCE = RetryPolicy(max_attempts=1)
KINDS = ("t.odd", "t.thread_odd", "t.child_odd")


async def test_a_result_that_is_nested_too_deeply_fails_its_attempt_and_nothing_else(shop: Shop) -> None:
    async with shop.worker(odd.odd, odd.thread_odd, odd.child_odd, samples.hangs):
        beside = await shop.run("t.hang")
        await shop.event(StepLogged, beside)
        kept = [await shop.run(kind, {"depth": depth}) for kind in KINDS for depth in (1, 31, 32)]
        refused = [await shop.run(kind, {"depth": depth}) for kind in KINDS[:2] for depth in (33, 964, 985, 9_990)]
        refused += [await shop.run("t.child_odd", {"depth": depth}) for depth in (33, 985)]
        refused += [await shop.run("t.child_odd", {"depth": 100_000, "limit": 1_000_000})]
        for run in kept:
            await shop.event(RunSucceeded, run)
        for run in refused:
            failed = await shop.event(RunFailed, run)
            assert (failed.error.type, failed.error.message) == ("BadResult", "the result is nested more than 32 deep")
            assert failed.outcome == "failed"
        await shop.cancel(beside)
        await shop.event(RunCancelled, beside)


async def test_bytes_that_are_no_json_fail_the_run_that_returned_them(shop: Shop) -> None:
    async with shop.worker(odd.odd, odd.thread_odd, odd.child_odd):
        for kind in KINDS:
            names = odd.RAW if kind == "t.odd" else ("members", "line ends", "surrogate")
            for name in names:
                run = await shop.run(kind, {"raw": name})
                failed = await shop.event(RunFailed, run)
                assert failed.error.type == "BadResult", name
                assert shop.story(run) == ["run.requested", "run.started", "run.failed"]
            good = await shop.run(kind, {"raw": "spaces"})
            assert (await shop.event(RunSucceeded, good)).result == {"a": [1, 2.5]}


async def test_a_retry_that_names_no_time_is_one_that_names_none(shop: Shop) -> None:
    async with shop.worker(odd.wild):
        run = await shop.run("t.wild")
        failed = await shop.event(RunFailed, run)
    assert (failed.attempt, failed.error.type, failed.error.message) == (3, "Wild", "wild")


async def test_whatever_a_child_writes_for_its_words_the_worker_goes_on(shop: Shop) -> None:
    async with shop.worker(odd.child_forges, samples.hangs):
        beside = await shop.run("t.hang")
        await shop.event(StepLogged, beside)
        runs = {name: await shop.run("t.child_forges", {"name": name}, retry=ONCE) for name in odd.FORGED}
        failed = {name: await shop.event(RunFailed, run) for name, run in runs.items()}
        await shop.cancel(beside)
        await shop.event(RunCancelled, beside)
    assert failed.pop("deep").error.type in {"ChildExit", "BadResult"}  # as deep as recursion reaches here
    assert {name: one.error.type for name, one in failed.items()} == {
        "not deep enough for an error": "BadResult",
        "number": "BadResult",
        "large": "BadResult",
        "not utf-8": "ChildExit",
        "no json": "ChildExit",
        "endless": "ChildExit",
        "steps": "ChildExit",
        "waits": "E",
        "cancelled": "ChildExit",
    }
    assert {type(event).__name__ for event in shop.of(runs["steps"])} == {
        "RunRequested",
        "RunStarted",
        "StepLogged",
        "RunFailed",
    }
