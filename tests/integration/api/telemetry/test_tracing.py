"""Requests in traces: the client's is continued, the event goes on with it, and one cause of many has links to them."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Iterator
from typing import Any, cast

import pytest
from opentelemetry.trace import SpanKind, StatusCode

from tests.integration.api.conftest import MakeRig
from tests.integration.api.rig import JOBS, RUNS, Rig
from tests.integration.scheduler.stage import Stage
from tests.support.traces import Spans, collected, links_of, parent_of, place, trace_of
from waterclock.kit.settings import TelemetrySettings
from waterclock.kit.telemetry import catalog
from waterclock.kit.telemetry.log_lines import lead_lines
from waterclock.log.tail import read
from waterclock.model.events import RunRequested
from waterclock_api.telemetry.instrumentation import Instrumented

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
HEADERS = {"traceparent": f"00-{TRACE}-{PARENT}-01"}
HOURLY = {"cronExpression": "0 * * * *", "concurrent": "0"}
PAST = {"from": "2026-01-01T00:00:00Z", "to": "2026-01-01T02:00:00Z"}  # three instants


@pytest.fixture
def spans() -> Iterator[Spans]:
    with collected("api") as found:
        yield found


async def requested(api: Rig) -> dict[str, RunRequested]:
    entries = await read(api.log, 0, None, count=1000, block=None, archive=None)
    return {entry.event.run_id: entry.event for entry in entries if isinstance(entry.event, RunRequested)}


async def test_a_command_continues_its_clients_trace_and_the_event_goes_on_with_it(rig: MakeRig, spans: Spans) -> None:
    async with rig() as api:
        await api.worker()
        job = await api.create()
        triggered = await api.http.post(f"{JOBS}/{job['id']}/trigger", headers=HEADERS)
        assert triggered.status_code == 202
        run_id = triggered.json()["runId"]
        event = (await requested(api))[run_id]
        waits = await api.http.post(f"{JOBS}/{job['id']}/trigger", json={"overlapPolicy": "buffer_one"})

    (command,) = [span for span in spans.of_trace(TRACE) if parent_of(span) == PARENT]
    assert event.traceparent == f"00-{TRACE}-{place(command)[1]}-01"
    assert command.kind == SpanKind.SERVER
    assert command.name == "POST /v1/monitor/jobs/{job_id}/trigger"
    told = dict(command.attributes or {})
    assert told["waterclock.command_id"] == event.command_id
    assert (told["waterclock.run"], told["waterclock.state"]) == (run_id, "queued")
    (other,) = [one for span in spans.all() if (one := span.attributes or {}).get("waterclock.state") == "waiting"]
    assert other["waterclock.run"] == waits.json()["runId"]
    assert {key: told[key] for key in told if key.startswith(("http.", "url.", "waterclock.command"))} == {
        "http.request.method": "POST",
        "http.route": "/v1/monitor/jobs/{job_id}/trigger",
        "http.response.status_code": 202,
        "url.scheme": "http",
        "url.path": f"/v1/monitor/jobs/{job['id']}/trigger",
        "waterclock.command": "trigger job",
        "waterclock.command_id": event.command_id,
    }


@pytest.mark.parametrize("path", [f"{RUNS}/none", "/nothing-here", f"{JOBS}?nonsense=1"])
async def test_a_problem_names_the_trace_of_its_request(rig: MakeRig, spans: Spans, path: str) -> None:
    async with rig() as api:
        for headers in ({}, HEADERS):
            refused = await api.http.get(path, headers=headers)
            assert refused.status_code >= 400
            *_, last = [span for span in spans.all() if span.kind == SpanKind.SERVER]
            assert refused.json()["traceId"] == trace_of(last)
            assert last.status.status_code == StatusCode.UNSET  # the fault was the client's
        assert trace_of(last) == TRACE


async def test_without_tracing_the_clients_trace_is_passed_on(rig: MakeRig) -> None:
    async with rig() as api:
        await api.worker()
        created = await api.http.post(JOBS, json={"jobName": "a", "invokeTarget": "demo.noop"}, headers=HEADERS)
        assert created.status_code == 201
        *_, last = await read(api.log, 0, None, count=1000, block=None, archive=None)
        assert getattr(last.event, "traceparent", None) == HEADERS["traceparent"]
        with_state = HEADERS | {"tracestate": "rojo=1, congo=2"}
        for path, body in (
            (f"{JOBS}/{created.json()['id']}/trigger", {}),
            (RUNS, {"invokeTarget": "demo.noop"}),
        ):
            answer = await api.http.post(path, json=body, headers=with_state)
            event = (await requested(api))[answer.json()["runId"]]
            assert (event.traceparent, event.tracestate) == (HEADERS["traceparent"], "rojo=1,congo=2")
        refused = await api.http.get(f"{RUNS}/none", headers=HEADERS)
        assert refused.json()["traceId"] == TRACE


async def test_each_run_of_a_backfill_has_its_own_trace_linked_with_the_requests(rig: MakeRig, spans: Spans) -> None:
    async with rig() as api:
        await api.worker()
        job = await api.create(**HOURLY)
        answer = await api.http.post(f"{JOBS}/{job['id']}/backfill", json=PAST | {"dryRun": False}, headers=HEADERS)
        assert answer.json()["runs"] == 3, answer.text
        runs = await requested(api)

    (request,) = [span for span in spans.of_trace(TRACE) if parent_of(span) == PARENT]
    created = spans.operations("create")
    assert len({trace_of(span) for span in created} - {TRACE}) == 3
    for span in created:
        assert span.parent is None
        assert links_of(span) == {place(request)}
        run_id = str((span.attributes or {})["messaging.message.id"])
        assert runs[run_id].traceparent == "00-{}-{}-01".format(*place(span))
    assert links_of(request) == {place(span) for span in created}


async def test_what_an_edit_fires_has_traces_of_its_own_linked_with_the_edit(rig: MakeRig, spans: Spans) -> None:
    async with rig() as api:
        await api.worker()
        now = api.parts.clock.now_ms()
        job_id = (await Stage(api.log).create("* * * * * *", mark=now - 3_000, concurrent="0")).job_id
        await api.caught_up()
        edited = await api.http.get(f"{JOBS}/{job_id}")
        answer = await api.http.put(
            f"{JOBS}/{job_id}", json=edited.json() | {"cronExpression": "@hourly"}, headers=HEADERS
        )
        assert answer.status_code == 200, answer.text
        runs = await requested(api)

    (request,) = [span for span in spans.of_trace(TRACE) if parent_of(span) == PARENT]
    assert runs
    assert {_place(event) for event in runs.values()} == links_of(request)
    for event in runs.values():
        (created,) = spans.operations("create", run=event.run_id)
        assert (place(created), links_of(created)) == (_place(event), {place(request)})


async def test_a_run_that_is_retried_is_linked_with_the_first(rig: MakeRig, spans: Spans) -> None:
    async with rig() as api:
        worker = await api.worker()
        job = await api.create(concurrent="0")
        first = await api.trigger(job["id"])
        for grant in await worker.claim():
            await worker.fail(grant, "no luck")
        await api.caught_up()
        answer = await api.http.post(f"{RUNS}/{first}/retry", headers=HEADERS)
        assert answer.status_code == 202, answer.text
        runs = await requested(api)

    (request,) = [span for span in spans.of_trace(TRACE) if parent_of(span) == PARENT]
    assert links_of(request) == {_place(runs[first])}
    assert _place(runs[answer.json()["runId"]]) == place(request)


async def test_runs_that_are_retried_together_have_traces_of_their_own(rig: MakeRig, spans: Spans) -> None:
    async with rig() as api:
        worker = await api.worker()
        job = await api.create(concurrent="0")
        first = [await api.trigger(job["id"]) for _ in range(2)]
        for grant in await worker.claim():
            await worker.fail(grant, "no luck")
        await api.caught_up()
        answer = await api.http.post(f"{RUNS}/retry", json={"all": True, "dryRun": False}, headers=HEADERS)
        again = {item["runId"]: item["retriedAs"] for item in answer.json()["items"]}
        assert set(again) == set(first), answer.text
        runs = await requested(api)

    (request,) = [span for span in spans.of_trace(TRACE) if parent_of(span) == PARENT]
    created = {place(span): span for span in spans.operations("create")}
    for before, after in again.items():
        assert links_of(created[_place(runs[after])]) == {place(request), _place(runs[before])}
    assert links_of(request) == set(created)


async def test_requests_are_measured_by_route_and_never_by_what_a_client_makes_up(rig: MakeRig) -> None:
    async with rig() as api:
        await api.worker()
        catalog.HTTP_DURATION.series.clear()
        job = await api.create()
        await api.http.get(f"{JOBS}/{job['id']}")
        await api.http.get(f"{JOBS}/nobody")
        await api.http.get("/made-up")
        await api.http.request("BREW", f"{JOBS}/{job['id']}")
        run_id = await api.ask()
        await api.http.post(f"{RUNS}/{run_id}/cancel")
        live = await api.http.get(f"{RUNS}/{run_id}/logs/stream")
        assert "event: end" in live.text
        assert {labels: sum(one.counts) for labels, one in catalog.HTTP_DURATION.series.items()} == {
            ("POST", JOBS, "201"): 1,
            ("GET", f"{JOBS}/{{job_id}}", "200"): 1,
            ("GET", f"{JOBS}/{{job_id}}", "404"): 1,
            ("GET", "none", "404"): 1,
            ("_OTHER", "none", "405"): 1,
            ("POST", RUNS, "202"): 1,
            ("POST", f"{RUNS}/{{run_id}}/cancel", "202"): 1,
        }


async def test_a_client_that_does_not_wait_is_no_fault_of_ours() -> None:
    begun = asyncio.Event()

    async def slow(*_: Any) -> None:
        begun.set()
        await asyncio.Event().wait()

    catalog.HTTP_DURATION.series.clear()
    scope: dict[str, Any] = {"type": "http", "method": "GET", "path": RUNS, "path_template": RUNS, "headers": []}
    asking = asyncio.ensure_future(Instrumented(cast("Any", slow))(scope, None, None))
    async with asyncio.timeout(10):
        await begun.wait()
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking

    assert list(catalog.HTTP_DURATION.series) == [("GET", RUNS, "499")]


async def test_metrics_have_exemplars_where_openmetrics_is_asked_for(rig: MakeRig, spans: Spans) -> None:
    async with rig() as api:
        catalog.HTTP_DURATION.series.clear()
        await api.http.get(JOBS, headers=HEADERS)
        plain = await api.http.get("/metrics")
        told = await api.http.get("/metrics", headers={"accept": "application/openmetrics-text;version=1.0.0"})

    (request,) = spans.of_trace(TRACE)
    assert TRACE not in plain.text
    assert told.headers["content-type"].startswith("application/openmetrics-text; version=1.0.0")
    assert told.text.endswith("# EOF\n")
    (line,) = [line for line in told.text.splitlines() if TRACE in line]
    assert line.startswith('http_server_request_duration_seconds_bucket{http_request_method="GET",')
    assert f'# {{span_id="{place(request)[1]}",trace_id="{TRACE}"}}' in line


async def test_log_lines_of_a_request_name_its_trace(
    rig: MakeRig, spans: Spans, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    try:
        async with rig() as api:
            lead_lines("api", TelemetrySettings(log_format="json"))

            def broken(*_: Any) -> None:
                raise RuntimeError("a bug")

            monkeypatch.setattr("waterclock_api.routes.runs.runs.read_query", broken)
            answer = await api.http.get(RUNS, headers=HEADERS)
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)

    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    (line,) = [line for line in lines if line["event"] == "request failed"]
    (request,) = spans.of_trace(TRACE)
    assert answer.status_code == 500
    assert answer.json()["traceId"] == line["trace_id"] == TRACE
    assert line["span_id"] == place(request)[1]
    assert request.status.status_code == StatusCode.ERROR


def _place(event: RunRequested) -> tuple[str, str]:
    assert event.traceparent is not None
    return event.traceparent[3:35], event.traceparent[36:52]
