"""Each row of the table of ends, by a worker on a real log."""

from __future__ import annotations

import asyncio
import os

import pytest

from tests.integration.worker import samples
from tests.integration.worker.shop import PATIENCE, Shop, is_alive
from waterclock.model.events import (
    RunCancelled,
    RunFailed,
    RunRetryScheduled,
    RunStarted,
    RunSucceeded,
    RunTimedOut,
    StepLogged,
    StepProgressed,
    WorkerJoined,
)
from waterclock.model.retry import RetryPolicy
from waterclock.model.stored_parameters import params_digest
from waterclock_worker.reporting.bounds import LINE_MOST


async def test_a_function_that_returns_succeeds_with_its_result(shop: Shop) -> None:
    async with shop.worker(samples.echo):
        run = await shop.run("t.echo", {"text": "ho", "times": 2})
        ended = await shop.event(RunSucceeded, run)
    assert ended.result == {"said": "hoho", "run": run}
    assert shop.story(run) == ["run.requested", "run.started", "run.succeeded"]
    assert ended.attempt == 1
    assert ended.fence == (await shop.event(RunStarted, run)).fence


async def test_what_raises_is_tried_again_until_its_attempts_are_used_up(shop: Shop) -> None:
    async with shop.worker(samples.raises):
        run = await shop.run("t.raise")
        ended = await shop.event(RunFailed, run)
    again = ["run.started", "run.retryScheduled"]
    assert shop.story(run) == ["run.requested", *again, *again, "run.started", "run.failed"]
    assert ended.outcome == "failed"
    assert (ended.error.type, ended.error.message) == ("ValueError", "attempt 3 went wrong")
    assert ended.error.traceback is not None
    assert 'raise ValueError(f"attempt' in ended.error.traceback
    assert "attempt.py" not in ended.error.traceback


async def test_giving_up_ends_a_run_whatever_attempts_are_left(shop: Shop) -> None:
    async with shop.worker(samples.gives_up):
        run = await shop.run("t.giveup")
        ended = await shop.event(RunFailed, run)
    assert ended.error.type == "GiveUp"
    assert shop.story(run) == ["run.requested", "run.started", "run.failed"]


async def test_a_retry_comes_when_the_executor_says(shop: Shop) -> None:
    never = RetryPolicy(max_attempts=2, backoff="fixed", initial=3600, max=3600)
    async with shop.worker(samples.retries):
        run = await shop.run("t.retry", retry=never)
        ended = await shop.event(RunSucceeded, run)
    assert ended.attempt == 2
    assert (await shop.event(RunRetryScheduled, run)).error.message == "come again"


async def test_parameters_that_do_not_fit_fail_at_once_and_say_where(shop: Shop) -> None:
    async with shop.worker(samples.echo, samples.large):
        wrong = await shop.run("t.echo", {"text": 7})
        extra = await shop.run("t.large", {"size": 1})
        ended = await shop.event(RunFailed, wrong)
        assert ended.outcome == "badParams"
        assert "/text expected" in ended.error.message
        assert (await shop.event(RunFailed, extra)).outcome == "badParams"
    assert shop.story(wrong) == ["run.requested", "run.started", "run.failed"]


@pytest.mark.parametrize("target", ["t.checked", "t.child_checked"])
async def test_a_check_of_the_executor_s_own_refuses_before_it_is_called(shop: Shop, target: str) -> None:
    async with shop.worker(samples.checked, samples.child_checked):
        run = await shop.run(target, {"text": "ho"})
        fine = await shop.run(target, {"text": "hi"})
        ended = await shop.event(RunFailed, run)
        assert (ended.outcome, ended.error.message, ended.attempt) == ("badParams", "text: ho is taken", 1)
        assert (await shop.event(RunSucceeded, fine)).result == "hi"
    assert shop.story(run) == ["run.requested", "run.started", "run.failed"]


async def test_a_worker_that_joins_tells_which_stored_parameters_its_checks_refuse(
    shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    wrong = {"text": "ho", "times": 2}
    for target, params in (
        ("t.checked", wrong),
        ("t.checked", {"times": 2, "text": "ho"}),
        ("t.checked", {"text": "hi"}),
        ("t.checked", {"text": 7}),
        ("t.checked", {"text": "leave"}),
        ("t.echo", wrong),
        ("t.none", wrong),
    ):
        await shop.job(target, params)
    async with shop.worker(samples.checked, samples.echo):
        joined = await shop.event(WorkerJoined)
    told = {(one.executor, one.params): one.message for one in joined.unfit}
    assert told.pop(("t.checked", params_digest(wrong))) == "text: ho is taken"
    [(of, message)] = told.items()
    assert of == ("t.checked", params_digest({"text": 7}))
    assert "/text expected" in message
    assert "stored job check failed" in caplog.text, "one that ends the process ends nothing"


async def test_of_a_job_that_is_written_later_the_first_run_tells_and_then_the_next_worker_that_joins(
    shop: Shop,
) -> None:
    async with shop.worker(samples.checked):
        assert (await shop.event(WorkerJoined)).unfit == ()
        await shop.job("t.checked", {"text": "ho"})
        run = await shop.run("t.checked", {"text": "ho"})
        ended = await shop.event(RunFailed, run)
        assert (ended.outcome, ended.error.message, ended.attempt) == ("badParams", "text: ho is taken", 1)
    assert sum(isinstance(event, WorkerJoined) for event in shop.all()) == 1, (
        "the worker that is there writes nothing more about it"
    )
    async with shop.worker(samples.checked):
        later = await shop.event(WorkerJoined, count=2)
    assert [(one.executor, one.message) for one in later.unfit] == [("t.checked", "text: ho is taken")]


async def test_a_result_that_cannot_be_kept_is_a_failure(shop: Shop) -> None:
    async with shop.worker(samples.large):
        run = await shop.run("t.large")
        ended = await shop.event(RunFailed, run)
    assert ended.error.type == "BadResult"
    assert "65536" in ended.error.message


@pytest.mark.parametrize("target", ["t.speechless", "t.child_speechless"])
async def test_an_exception_that_cannot_say_what_it_is_fails_its_attempt_and_nothing_else(
    shop: Shop, target: str
) -> None:
    async with shop.worker(samples.speechless, samples.child_speechless, samples.hangs):
        beside = await shop.run("t.hang")
        await shop.event(StepLogged, beside)
        run = await shop.run(target, retry=RetryPolicy(max_attempts=1))
        failed = await shop.event(RunFailed, run)
        await shop.cancel(beside)
        await shop.event(RunCancelled, beside)
    assert (failed.error.type, failed.error.message) == ("Speechless", "[it cannot be written: LookupError]")


async def test_numbers_that_json_has_not_and_wrong_formats_do_not_fail_a_run(shop: Shop) -> None:
    async with shop.worker(samples.odd_words):
        run = await shop.run("t.odd_words", retry=RetryPolicy(max_attempts=1))
        ended = await shop.event(RunSucceeded, run)
    assert ended.result == "went on"
    [told] = [event for event in shop.of(run) if isinstance(event, StepProgressed)]
    assert (told.done, told.total) == (1.5, None)
    assert "--- Logging error ---" in await shop.lines(run)


@pytest.mark.parametrize("target", ["t.forks", "t.child_forks"])
async def test_a_copy_that_an_executor_forks_has_no_say(shop: Shop, target: str) -> None:
    async with shop.worker(samples.forks, samples.child_forks):
        run = await shop.run(target, retry=RetryPolicy(max_attempts=1))
        ended = await shop.event(RunSucceeded, run)
        assert isinstance(ended.result, int)
        assert ended.result
        if target == "t.forks":  # a child of ours, the worker being in this process
            async with asyncio.timeout(PATIENCE):
                assert os.waitstatus_to_exitcode((await asyncio.to_thread(os.waitpid, ended.result, 0))[1]) == 1


@pytest.mark.parametrize("target", ["t.hang", "t.stubborn", "t.patient", "t.child_polite"])
async def test_what_runs_over_its_timeout_is_timed_out(shop: Shop, target: str) -> None:
    async with shop.worker(samples.hangs, samples.stubborn, samples.patient, samples.child_polite):
        run = await shop.run(target, timeout=0.4, retry=RetryPolicy(max_attempts=1))
        ended = await shop.event(RunTimedOut, run)
    assert ended.error.message == "ran longer than 0.4 s"


@pytest.mark.parametrize("target", ["t.hang", "t.patient"])
async def test_a_cancel_reaches_a_running_attempt(shop: Shop, target: str) -> None:
    async with shop.worker(samples.hangs, samples.patient):
        run = await shop.run(target)
        await shop.event(StepLogged, run)
        await shop.cancel(run)
        await shop.event(RunCancelled, run)
    assert shop.story(run) == ["run.requested", "run.started", "step.log", "run.cancelRequested", "run.cancelled"]


async def test_a_cancel_is_learnt_from_the_renewal_if_the_doorbell_is_missed(shop: Shop) -> None:
    async with shop.worker(samples.hangs) as worker:
        run = await shop.run("t.hang")
        await shop.event(StepLogged, run)
        worker.cancel = lambda run_id: None  # noqa: ARG005
        await shop.cancel(run)
        await shop.event(RunCancelled, run)


async def test_a_thread_that_is_asked_to_stop_ends_as_asked_when_it_returns(shop: Shop) -> None:
    async with shop.worker(samples.deaf):
        run = await shop.run("t.deaf", {"text": "0.6"})
        await shop.event(StepLogged, run)
        await shop.cancel(run)
        await shop.event(RunCancelled, run)
    assert shop.story(run)[-2:] == ["run.cancelRequested", "run.cancelled"]


async def test_a_child_tells_its_steps_lines_and_result(shop: Shop) -> None:
    bar, long = "\r1 %\r2 %\r100 %", "\N{WATER WAVE}" * 40_000
    async with shop.worker(samples.child):
        run = await shop.run("t.child", {"text": f"printed\r\nin two lines\n{bar}\n{long}"})
        ended = await shop.event(RunSucceeded, run)
    assert ended.result["pid"] != os.getpid()
    assert set(await shop.lines(run)) == {
        f"pid {ended.result['pid']}", "printed", "in two lines", "from the child", "100 %",
        f"{long[:LINE_MOST]} … [cut, 40000 characters]",
    }  # fmt: skip
    assert [tag for tag in shop.story(run) if tag != "step.log"] == [
        "run.requested", "run.started", "step.started", "step.progress", "step.finished", "run.succeeded",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("target", "kind", "message"),
    [
        ("t.child_exit", "ChildExit", "exit code 3"),
        ("t.child_segv", "ChildSignal", "SIGSEGV (11)"),
    ],
)
async def test_a_child_that_dies_has_crashed(shop: Shop, target: str, kind: str, message: str) -> None:
    async with shop.worker(samples.child_exit, samples.child_segv):
        run = await shop.run(target, retry=RetryPolicy(max_attempts=1))
        ended = await shop.event(RunFailed, run)
    assert ended.outcome == "crashed"
    assert (ended.error.type, ended.error.message) == (kind, message)


async def test_a_child_that_raises_has_failed(shop: Shop) -> None:
    async with shop.worker(samples.child_async):
        run = await shop.run("t.child_async", retry=RetryPolicy(max_attempts=1))
        ended = await shop.event(RunFailed, run)
    assert ended.outcome == "failed"
    assert ended.error.type == "LookupError"


async def test_a_cancel_kills_a_child_that_ignores_it_and_what_it_started(shop: Shop) -> None:
    async with shop.worker(samples.child_hang):
        run = await shop.run("t.child_hang")
        await shop.event(StepLogged, run)
        [line] = await shop.lines(run)
        grandchild = int(line.split()[1])
        await shop.cancel(run)
        await shop.event(RunCancelled, run)
    assert not is_alive(grandchild)


async def test_a_child_that_is_asked_to_stop_may_clean_up(shop: Shop) -> None:
    async with shop.worker(samples.child_polite):
        run = await shop.run("t.child_polite")
        await shop.event(StepLogged, run)
        await shop.cancel(run)
        await shop.event(RunCancelled, run)
    assert await shop.lines(run) == ["waiting", "cleaned up"]
