"""Units for what is due, in batches for one call each."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import pytest
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from tests.unit.scheduler.test_agenda import MINUTE, T, agenda_of, job
from waterclock.kit import telemetry
from waterclock.log.requests import ITEMS_IN_A_CALL, Request
from waterclock.model.instants import stamp
from waterclock_scheduler.agenda import Agenda
from waterclock_scheduler.units import Batch, batches


@pytest.fixture
def spans() -> Iterator[InMemorySpanExporter]:
    exporter = InMemorySpanExporter()
    telemetry.install("scheduler", SimpleSpanProcessor(exporter))
    yield exporter
    telemetry.shutdown()


async def built(agenda: Agenda, now: int) -> list[Batch]:
    return [batch async for batch in batches(agenda.due(now), now)]


@pytest.mark.asyncio
async def test_calls_are_bounded_and_a_unit_is_never_split() -> None:
    few = [job(f"a{place}") for place in range(ITEMS_IN_A_CALL + 1)]
    long = job(
        "b", cron="*/1 * * * *", mark=T - 300 * MINUTE, misfire_policy="1", catchup_limit=1000, catchup_window=86400
    )

    found = await built(agenda_of(*few, long), T + MINUTE)

    sizes = [sum(len(unit.items) for _, unit in batch) for batch in found]
    assert sum(sizes) == len(few) + 301
    assert all(size < ITEMS_IN_A_CALL + 301 for size in sizes)
    (whole,) = [unit for batch in found for _, unit in batch if unit.job_id == "b"]
    assert len(whole.items) == 301
    assert (whole.mark, whole.through) == (T - 300 * MINUTE, T + MINUTE)


@pytest.mark.asyncio
async def test_jobs_of_one_schedule_keep_their_own_policy_and_end() -> None:
    made = [
        job("each", mark=T - 10 * MINUTE, misfire_policy="1"),
        job("once", mark=T - 10 * MINUTE, misfire_policy="2"),
        job("none", mark=T - 10 * MINUTE, misfire_policy="3"),
        job("over", mark=T - 10 * MINUTE, misfire_policy="3", end_at=stamp(T - 5 * MINUTE)),
    ]

    found = await built(agenda_of(*made), T + 30_000)

    items = {unit.job_id: len(unit.items) for batch in found for _, unit in batch}
    assert items == {"each": 10, "once": 3, "none": 2, "over": 1}


@pytest.mark.asyncio
async def test_each_run_begins_a_trace_of_its_own(spans: InMemorySpanExporter) -> None:
    found = await built(agenda_of(job("a"), job("b")), T + MINUTE)

    items = [item for batch in found for _, unit in batch for item in unit.items]
    traces = {
        msgspec.json.decode(item.body)["traceparent"].split("-")[1] for item in items if isinstance(item, Request)
    }
    ended = spans.get_finished_spans()
    assert [span.name for span in ended] == ["decide", "decide"]
    assert all(span.parent is None for span in ended)
    assert traces == {f"{span.context.trace_id:032x}" for span in ended if span.context is not None}


@pytest.mark.asyncio
async def test_without_telemetry_a_run_bears_no_trace() -> None:
    (((_, unit),),) = await built(agenda_of(job("a")), T + MINUTE)

    (item,) = unit.items
    assert "traceparent" not in msgspec.json.decode(item.body)
