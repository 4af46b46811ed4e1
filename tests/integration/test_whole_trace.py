"""One trace from the request, or the decision, to the projected outcome: all services as processes, and a receiver.

Through retries, steps, spans of an executor's own and those of its child process; no span without its parent.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.support.services import Place, serving
from tests.support.traces import receiving

CLIENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
TRACE, PARENT = CLIENT[3:35], CLIENT[36:52]
STATE = "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE"
OTHER = CLIENT.replace(TRACE, "1af7651916cd43dd8448eb211c80319c")
TOLD = Path(__file__).with_name("worker") / "told.py"
RETRY = {"maxAttempts": 2, "initial": 0, "max": 0}


class Whole:
    """The spans of one trace, by their places in it."""

    def __init__(self, spans: list[Any], trace: str) -> None:
        self.spans = {span.span_id.hex(): span for span in spans if span.trace_id.hex() == trace}

    def outline(self, beneath: str = "") -> list[Any]:
        """Names of spans, each before a list of those beneath it, by name, and those of one name in their order."""
        children = [one for one in self.spans.values() if one.parent_span_id.hex() == beneath]
        told: list[Any] = []
        for one in sorted(children, key=lambda span: (span.name, span.start_time_unix_nano)):
            told.append(one.name)
            if below := self.outline(one.span_id.hex()):
                told.append(below)
        return told

    def orphans(self, *known: str) -> list[str]:
        return [span.name for span in self.spans.values() if span.parent_span_id.hex() not in {*self.spans, *known}]

    def named(self, name: str) -> list[Any]:
        """Those of a name, in the order of their beginnings."""
        found = [span for span in self.spans.values() if span.name == name]
        return sorted(found, key=lambda span: span.start_time_unix_nano)


def told_of(span: Any) -> dict[str, Any]:
    return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in span.attributes}


def links(span: Any) -> set[tuple[str, str]]:
    return {(link.trace_id.hex(), link.span_id.hex()) for link in span.links}


def place_of(span: Any) -> tuple[str, str]:
    return span.trace_id.hex(), span.span_id.hex()


def attempts_of(whole: Whole, run_id: str) -> list[Any]:
    """Both, the second linked to the first; each says what became of it."""
    first, second = whole.named("attempt default")
    assert [told_of(one)["waterclock.run"] for one in (first, second)] == [run_id, run_id]
    assert [told_of(one)["waterclock.outcome"] for one in (first, second)] == ["failed", "succeeded"]
    assert (links(first), links(second)) == (set(), {place_of(first)})
    return [first, second]


def projected(spans: list[Any], whole: Whole) -> None:
    """The outcome is projected by a transaction that is linked with the trace, and the trace with it."""
    (outcome,) = whole.named("project events")
    assert told_of(outcome)["waterclock.outcome"] == "run.succeeded"
    (batch,) = [span for span in spans if place_of(span) in links(outcome)]
    assert batch.name == "project events"
    assert whole.spans.keys() & {span for _, span in links(batch)}


def said_by(lines: list[str], run_id: str) -> list[tuple[str, str, int]]:
    """Trace, span and attempt of each line that the run's own logger has written."""
    told = [json.loads(line) for line in lines if line.startswith("{")]
    ours = [one for one in told if one["event"] == "by its own logger" and one["run"] == run_id]
    return [(one["trace_id"], one["span"], one["attempt"]) for one in ours]


async def test_a_trace_is_whole_from_its_cause_to_its_projected_outcome(
    redis_url: str, migrated_postgres_url: str, key_prefix: str
) -> None:
    with receiving() as receiver:
        told = {"OTLP_ENDPOINT": receiver.url, "LOG_FORMAT": "json", "EXECUTORS": str(TOLD)}
        place = Place(
            redis={"operator": redis_url}, postgres={"owner": migrated_postgres_url}, prefix=key_prefix, told=told
        )
        async with serving(place) as services:
            runs: list[str] = []
            for target, traceparent in (("told.here", CLIENT), ("told.child", OTHER)):
                body = {"invokeTarget": target, "retry": RETRY}
                answer = await services.http.post(
                    "/runs", json=body, headers={"traceparent": traceparent, "tracestate": STATE}
                )
                runs.append(answer.json()["runId"])
            definition = {
                "jobName": "tide",
                "invokeTarget": "told.here",
                "cronExpression": "* * * * * *",
                "retry": RETRY,
            }
            job = await services.post("/jobs", definition)
            fired = await services.scheduled(job["id"], since=job["createdAt"])
            here, child = [await services.ended_run(run_id) for run_id in runs]
            text = [line["text"] for line in (await services.get(f"/runs/{runs[1]}/logs"))["items"]]
        lines = services.running["worker"].lines
    spans = receiver.spans()

    named = {
        (told["service.name"], told["service.instance.id"])
        for signal in ("traces", "metrics")
        for told in receiver.resources(signal)
    }  # of each process one, a worker's children's too
    assert sorted(name for name, _ in named) == [
        "waterclock-api", "waterclock-projector", "waterclock-scheduler", "waterclock-worker",
    ]  # fmt: skip
    for trace in (TRACE, OTHER[3:35]):  # from the request through the log to what an executor and a projector tell
        assert {span.trace_state for span in Whole(spans, trace).spans.values()} == {STATE}
    whole = Whole(spans, TRACE)
    assert here["traceId"] == TRACE
    assert whole.orphans(PARENT) == []
    steps = ["own work", ["own work beneath it"], "step First", "step Second"]
    outcome = [*steps[:2], "project events", *steps[2:]]
    assert whole.outline(PARENT) == [
        "POST /v1/monitor/runs",
        ["append events", "claim default", ["attempt default", steps], "claim default", ["attempt default", outcome]],
    ]
    attempts = attempts_of(whole, runs[0])
    projected(spans, whole)
    assert said_by(lines, runs[0]) == [
        (TRACE, one.span_id.hex(), number) for number, one in enumerate(whole.named("own work beneath it"), start=1)
    ]
    assert len(said_by(lines, runs[0])) == len(attempts)

    whole = Whole(spans, OTHER[3:35])
    assert child["status"] == "succeeded", child["attempts"]
    assert whole.orphans(PARENT) == []
    for attempt in attempts_of(whole, runs[1]):
        beneath = whole.outline(attempt.span_id.hex())
        assert {"step First", "own work"} <= set(beneath), beneath
    assert said_by(text, runs[1]) == [
        (OTHER[3:35], one.span_id.hex(), number) for number, one in enumerate(whole.named("own work"), start=1)
    ]
    projected(spans, whole)

    whole = Whole(spans, fired["traceId"])
    assert whole.orphans("") == []
    assert whole.outline() == [
        "decide default",
        ["claim default", ["attempt default", steps], "claim default", ["attempt default", outcome]],
    ]
    (decided,) = whole.named("decide default")
    assert told_of(decided)["waterclock.fate"] == "fired"
    assert any(place_of(decided) in links(span) for span in spans if span.name == "append events")
    attempts_of(whole, fired["id"])
    projected(spans, whole)
