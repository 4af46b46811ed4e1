"""`waterclock.testing.run_executor`, as the author of an executor uses it."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import msgspec
import pytest

from waterclock.executors.context import RunContext
from waterclock.testing.run_executor import Told, run_executor


class Rain(msgspec.Struct, frozen=True, kw_only=True):
    drops: int


async def counted(ctx: RunContext, params: Rain) -> int:
    async with ctx.step("Count") as step:
        step.log("counting %d", params.drops)
        step.progress(params.drops, 10)
    return params.drops


async def test_steps_lines_progress_and_the_result_are_seen() -> None:
    told = await run_executor(counted, {"drops": 3})

    assert told.result == 3
    assert told.text == "counting 3"
    step = told.step("Count")
    assert (step.number, step.status, step.progress) == (1, "succeeded", [(3, 10)])


async def test_parameters_that_do_not_fit_are_refused() -> None:
    with pytest.raises(msgspec.ValidationError):
        await run_executor(counted, {"drops": "many"})


async def test_a_failure_passes_and_the_step_shows_it() -> None:
    async def failing(ctx: RunContext) -> None:
        with ctx.step("Pour"):
            raise OSError("spilt")

    told = Told()
    with pytest.raises(OSError, match="spilt"):
        await run_executor(failing, told=told)

    assert told.step("Pour").status == "failed"


async def test_a_test_cancels_an_async_function_at_the_step_it_waits_for() -> None:
    async def waiting(ctx: RunContext) -> None:
        async with ctx.step("Wait"):
            await asyncio.Event().wait()

    told = Told()
    async with asyncio.timeout(15), asyncio.TaskGroup() as tasks:
        run = tasks.create_task(run_executor(waiting, told=told))
        await told.step_begins("Wait")
        told.cancel()

    assert run.cancelled()
    assert told.step("Wait").status == "cancelled"


async def test_a_plain_function_sees_that_it_is_cancelled() -> None:
    def patient(ctx: RunContext) -> bool:
        with ctx.step("Wait"):
            while not ctx.cancelled:
                pass
        return ctx.cancelled

    told = Told()
    async with asyncio.timeout(15), asyncio.TaskGroup() as tasks:
        run = tasks.create_task(run_executor(patient, told=told))
        await told.step_begins("Wait")
        told.cancel()

    assert run.result().result is True


async def test_the_context_tells_of_the_previous_success_and_the_trace() -> None:
    seen: list[object] = []

    async def looks(ctx: RunContext) -> None:
        seen.extend((ctx.previous_success, ctx.traceparent))

    before = datetime(2027, 1, 15, 10, tzinfo=UTC)
    await run_executor(looks)
    await run_executor(looks, previous_success=before, traceparent="00-1-2-01")
    assert seen == [None, None, before, "00-1-2-01"]
