"""What an executor returns, raises and says is others' code and data: at worst its own attempt fails."""

from __future__ import annotations

import sys

import pytest

from tests.integration.worker import odd, samples
from tests.integration.worker.shop import Shop
from waterclock.log.tail import read
from waterclock.model.events import RunCancelled, RunFailed, RunSucceeded, StepLogged
from waterclock.model.retry import RetryPolicy
from waterclock.wire.envelope import UnknownEvent

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


async def test_a_value_is_kept_for_what_it_holds_wherever_it_comes_from(shop: Shop) -> None:
    digits = sys.get_int_max_str_digits()
    try:
        async with shop.worker(odd.odd, odd.thread_odd, odd.child_odd):
            for kind in KINDS:
                wished = {name: await shop.run(kind, {"value": name}) for name in odd.VALUES}
                kept = (await shop.event(RunSucceeded, wished["not finite"])).result
                assert kept == {"a": [0.5, None, {"b": None}]}
                said = await shop.event(StepLogged, wished["not finite"])
                assert said.lines[0].text.endswith("null instead at /a/1, /a/2/b")
                assert (await shop.event(RunSucceeded, wished["subclass"])).result == {"name": ["text"]}
                for name in ("digits", "header"):
                    assert (await shop.event(RunFailed, wished[name])).error.type == "BadResult", name
    finally:
        sys.set_int_max_str_digits(digits)


LONG = (pytest.mark.soak, pytest.mark.timeout(1800))  # a thousand processes are started
AT_ONCE = 16  # seeds: what is asked for ends within the shop's patience


@pytest.mark.parametrize("seeds", [range(8), pytest.param(range(8, 1_000), marks=LONG)], ids=["some", "many"])
async def test_whatever_an_executor_says_and_returns_everybody_can_read(shop: Shop, seeds: range) -> None:
    async with shop.worker(odd.any_async, odd.any_thread, odd.any_child, samples.hangs):
        beside = await shop.run("t.hang")
        await shop.event(StepLogged, beside)
        kinds = ("t.any", "t.thread_any", *(["t.child_any"] if seeds[0] else []))
        for first in range(0, len(seeds), AT_ONCE):
            some = seeds[first : first + AT_ONCE]
            await shop.settled([await shop.run(kind, {"number": seed}, retry=ONCE) for seed in some for kind in kinds])
        await shop.settled([await shop.run("t.child_any", {"number": seed}, retry=ONCE) for seed in seeds[:3]])
        types = {one.error.type for one in shop.all() if isinstance(one, RunFailed)}
        assert not types & {"ChildExit", "ModuleNotFoundError"}
        await shop.cancel(beside)
        await shop.event(RunCancelled, beside)
    for partition in range(shop.log.partitions):
        entries = await read(shop.log, partition, None, count=100_000, block=None, archive=None)
        assert not [entry for entry in entries if isinstance(entry.event, UnknownEvent)]


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
