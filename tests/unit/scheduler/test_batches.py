"""Units for what is due, in batches for one call each."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from tests.support.traces import Spans, collected, links_of, place, trace_of
from tests.unit.scheduler.test_agenda import MINUTE, T, agenda_of, job
from waterclock.kit.telemetry import traces as telemetry
from waterclock.log.commands.requests import ITEMS_IN_A_CALL, Decided, Met, Request
from waterclock.model.ids import JobId, due_run, requested_run
from waterclock.model.timestamps import stamp
from waterclock_scheduler import tracing
from waterclock_scheduler.agenda import Agenda
from waterclock_scheduler.batches import Batch, batches


@pytest.fixture
def spans() -> Iterator[Spans]:
    with collected("scheduler") as found:
        yield found


async def built(agenda: Agenda, now: int) -> list[Batch]:
    return [batch async for batch in batches(agenda.due(now), now)]


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


async def test_each_run_begins_a_trace_of_its_own_which_is_told_when_it_is_decided(spans: Spans) -> None:
    (batch,) = await built(agenda_of(job("a"), job("b")), T + MINUTE)
    traces = [
        msgspec.json.decode(item.body)["traceparent"]
        for _, unit in batch
        for item in unit.items
        if isinstance(item, Request)
    ]
    assert spans.all() == []

    tracing.decided(batch, Decided(T + MINUTE + 5, ["done", "raced"], []), partition=0, seconds=0.002)

    decision = spans.one("decide")
    assert traces[0] == "00-{}-{}-01".format(*place(decision))
    assert decision.parent is None
    assert links_of(spans.one("append")) == {place(decision)}
    told = dict(decision.attributes or {})
    assert (told["waterclock.nominal_at"], told["waterclock.late_ms"]) == (stamp(T + MINUTE), 5)


@pytest.mark.parametrize(("fate", "beside"), [("blocked", "blocked_by"), ("folded", "into")])
async def test_an_instant_that_met_another_run_is_linked_with_it(spans: Spans, fate: Any, beside: str) -> None:
    (batch,) = await built(agenda_of(job("a")), T + MINUTE)
    other = due_run(JobId("a"), T)

    tracing.decided(batch, Decided(T + MINUTE, ["done"], [Met(0, 0, fate, other)]), partition=0, seconds=0.002)

    begins = telemetry.origin(other)
    assert begins is not None
    assert links_of(spans.one("decide", fate=fate, **{beside: other})) == {(begins[3:35], begins[36:52])}


async def test_one_started_by_hand_that_was_in_the_way_is_named_and_not_linked(spans: Spans) -> None:
    (batch,) = await built(agenda_of(job("a")), T + MINUTE)
    other = requested_run(JobId("a"), "command")

    met = [Met(0, 0, "blocked", other)]
    tracing.decided(batch, Decided(T + MINUTE, ["done"], met), partition=0, seconds=0.002)

    assert links_of(spans.one("decide", blocked_by=other)) == set()


async def test_instants_that_fold_into_one_run_are_linked_with_it(spans: Spans) -> None:
    (batch,) = await built(agenda_of(job("a", mark=T - 10 * MINUTE, misfire_policy="2")), T + 1_000)

    tracing.decided(batch, Decided(T + 1_000, ["done"], []), partition=0, seconds=0.002)

    runs = {(one.attributes or {})["waterclock.run"]: one for one in spans.operations("decide", fate="fired")}
    folded = [one for one in spans.named("decide") if (one.attributes or {})["waterclock.fate"] == "coalesced"]
    assert folded
    for one in folded:
        into = runs[(one.attributes or {})["waterclock.into"]]
        assert links_of(one) == {place(into)}
        assert trace_of(one) != trace_of(into)


async def test_without_telemetry_a_run_bears_no_trace() -> None:
    (((_, unit),),) = await built(agenda_of(job("a")), T + MINUTE)

    (item,) = unit.items
    assert "traceparent" not in msgspec.json.decode(item.body)
