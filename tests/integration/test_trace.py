"""One trace from the request to the read model: every service in this process, each with its own connections."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager

import httpx
import pytest

from tests.integration.api.rig import JOBS, RUNS, Rig, assembled_rig, served
from tests.integration.scheduler.stage import scheduling
from tests.support.traces import Spans, collected, id_of, links_of, parent_of, place, trace_of
from waterclock.log.client import Log, LogSettings
from waterclock_worker.executors.demo import noop, steps
from waterclock_worker.registry import Registry
from waterclock_worker.settings import WorkerSettings
from waterclock_worker.worker import Worker

CLIENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
TRACE, PARENT = CLIENT[3:35], CLIENT[36:52]
TWO_STEPS = {"invokeTarget": "demo.steps", "invokeParams": {"steps": 2, "lines": 1, "delay": 0}}


@pytest.fixture
def spans() -> Generator[Spans]:
    with collected() as found:
        yield found


@asynccontextmanager
async def everything(redis_url: str, postgres_url: str, prefix: str) -> AsyncGenerator[Rig]:
    settings = LogSettings(url=redis_url, prefix=prefix)
    async with assembled_rig(redis_url, postgres_url, prefix) as api:
        log = await Log.connect(settings, role="worker")
        try:
            worker = Worker(log, settings, Registry((noop, steps)), WorkerSettings(worker_name="w"))
            async with scheduling(api.log), asyncio.TaskGroup() as tasks:
                tasks.create_task(worker.run(), name="worker")
                async with asyncio.timeout(20):
                    await worker.ready.wait()
                await api.caught_up()
                try:
                    yield api
                finally:
                    worker.drain()
        finally:
            await log.close()


async def ended(api: Rig, run_id: str) -> None:
    async with api.http.stream("GET", f"{RUNS}/{run_id}/logs/stream") as stream, asyncio.timeout(20):
        async for line in stream.aiter_lines():
            if line == "event: end":
                break
    await api.caught_up()


async def test_the_trace_of_a_triggered_run_is_unbroken_from_the_client_to_the_read_model(
    redis_url: str, migrated_postgres_url: str, key_prefix: str, spans: Spans
) -> None:
    async with everything(redis_url, migrated_postgres_url, key_prefix) as api:
        job = await api.create(jobName="traced", **TWO_STEPS)
        answer = await api.http.post(f"{JOBS}/{job['id']}/trigger", json={}, headers={"traceparent": CLIENT})
        run_id = answer.json()["runId"]
        await ended(api, run_id)

    whole = spans.of_trace(TRACE)
    (request,) = [span for span in whole if parent_of(span) == PARENT]
    claim, attempt = spans.one("claim", run=run_id), spans.one("attempt", run=run_id)
    projected = spans.one("project", run=run_id)
    assert request.name == "POST /v1/monitor/jobs/{job_id}/trigger"
    assert [parent_of(span) for span in (claim, attempt, projected)] == [id_of(request), id_of(claim), id_of(attempt)]
    assert [parent_of(step) for step in (*spans.named("step Step 1"), *spans.named("step Step 2"))] == [
        id_of(attempt),
        id_of(attempt),
    ]
    (append,) = [span for span in whole if span.name == "append events"]
    assert parent_of(append) == id_of(request)
    assert {span.name for span in whole} == {
        request.name,
        "append events",
        "claim default",
        "attempt default",
        "step Step 1",
        "step Step 2",
        "project events",
    }
    assert len(whole) == 7
    batches = [one for one in spans.operations("project") if "messaging.batch.message_count" in (one.attributes or {})]
    (batch,) = [one for one in batches if place(one) in links_of(projected)]
    assert place(attempt) in links_of(batch)
    assert batch.parent is None


async def test_the_trace_of_a_scheduled_run_begins_with_its_decision(
    redis_url: str, migrated_postgres_url: str, key_prefix: str, spans: Spans
) -> None:
    async with everything(redis_url, migrated_postgres_url, key_prefix) as api:
        job = await api.create(jobName="ticking", cronExpression="* * * * * *", **TWO_STEPS)
        async with (
            served(api) as url,
            httpx.AsyncClient(base_url=url) as http,
            http.stream("GET", f"{JOBS}/{job['id']}/logs/stream") as stream,
            asyncio.timeout(20),
        ):
            async for line in stream.aiter_lines():
                if line == "event: run.succeeded":
                    break
        await api.caught_up()

    run_id = (spans.operations("attempt")[0].attributes or {})["waterclock.run"]
    decide, claim = spans.one("decide", run=run_id), spans.one("claim", run=run_id)
    attempt, projected = spans.one("attempt", run=run_id), spans.one("project", run=run_id)
    assert decide.parent is None
    assert [parent_of(span) for span in (claim, attempt, projected)] == [id_of(decide), id_of(claim), id_of(attempt)]
    assert {parent_of(span) for span in spans.of_trace(trace_of(decide)) if span.name.startswith("step ")} == {
        id_of(attempt)
    }
    assert any(place(decide) in links_of(call) for call in spans.operations("append"))
    assert (decide.attributes or {})["waterclock.fate"] == "fired"
