"""One trace from the request to the read model: every service in this process, each with its own connections."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from tests.integration.api.rig import JOBS, RUNS, Rig, assembled_rig, served
from tests.integration.scheduler.stage import scheduling
from waterclock.kit import telemetry
from waterclock.log.client import Log, LogSettings
from waterclock_worker.executors.demo import noop
from waterclock_worker.registry import Registry
from waterclock_worker.settings import WorkerSettings
from waterclock_worker.worker import Worker

CLIENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture
def spans() -> Generator[InMemorySpanExporter]:
    exporter = InMemorySpanExporter()
    telemetry.install("test", SimpleSpanProcessor(exporter))
    yield exporter
    telemetry.shutdown()


@asynccontextmanager
async def everything(redis_url: str, postgres_url: str, prefix: str) -> AsyncGenerator[Rig]:
    settings = LogSettings(url=redis_url, prefix=prefix)
    async with assembled_rig(redis_url, postgres_url, prefix) as api:
        log = await Log.connect(settings, role="worker")
        try:
            worker = Worker(log, settings, Registry((noop,)), WorkerSettings(worker_name="w"))
            async with scheduling(api.log), asyncio.TaskGroup() as tasks:
                tasks.create_task(worker.run(), name="worker")
                async with asyncio.timeout(20):
                    await worker.ready.wait()
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


def named(spans: InMemorySpanExporter, name: str, **attributes: Any) -> list[ReadableSpan]:
    return [
        span
        for span in spans.get_finished_spans()
        if span.name == name and attributes.items() <= dict(span.attributes or {}).items()
    ]


def trace_of(span: ReadableSpan) -> int:
    assert span.context is not None
    return span.context.trace_id


def id_of(span: ReadableSpan) -> int:
    assert span.context is not None
    return span.context.span_id


def parent_of(span: ReadableSpan) -> int:
    assert span.parent is not None
    return span.parent.span_id


def linked(span: ReadableSpan) -> set[int]:
    return {link.context.trace_id for link in span.links}


@pytest.mark.asyncio
async def test_the_trace_of_a_triggered_run_is_unbroken_from_the_client_to_the_read_model(
    redis_url: str, migrated_postgres_url: str, key_prefix: str, spans: InMemorySpanExporter
) -> None:
    async with everything(redis_url, migrated_postgres_url, key_prefix) as api:
        await api.caught_up()
        job = await api.create(jobName="traced")
        answer = await api.http.post(f"{JOBS}/{job['id']}/trigger", json={}, headers={"traceparent": CLIENT})
        run_id = answer.json()["runId"]
        await ended(api, run_id)

    (attempt,) = named(spans, "attempt", **{"waterclock.run": run_id})
    trace = trace_of(attempt)
    assert f"{trace:032x}" == CLIENT[3:35]
    assert {span.name for span in spans.get_finished_spans() if trace_of(span) == trace} == {
        "api",
        "append",
        "claim",
        "attempt",
    }
    assert any(trace in linked(span) for span in named(spans, "project"))


@pytest.mark.asyncio
async def test_the_trace_of_a_scheduled_run_begins_with_its_decision(
    redis_url: str, migrated_postgres_url: str, key_prefix: str, spans: InMemorySpanExporter
) -> None:
    async with everything(redis_url, migrated_postgres_url, key_prefix) as api:
        await api.caught_up()
        job = await api.create(jobName="ticking", cronExpression="* * * * * *")
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

    attempt = named(spans, "attempt")[0]
    run = {"waterclock.run": (attempt.attributes or {})["waterclock.run"]}
    (decide,), (claim,) = named(spans, "decide", **run), named(spans, "claim", **run)
    assert decide.parent is None
    assert (parent_of(claim), parent_of(attempt)) == (id_of(decide), id_of(claim))
    assert any(trace_of(decide) in linked(span) for span in named(spans, "project"))
