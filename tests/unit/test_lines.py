"""Log lines, as a process writes them."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.traces import collected, place
from waterclock.kit import telemetry
from waterclock.kit.lines import Outage, Sparing, lead_lines
from waterclock.kit.settings import TelemetrySettings


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


def said(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    return json.loads(capsys.readouterr().err)


@pytest.mark.parametrize(
    ("service", "package"), [("api", "api"), ("projector", "api"), ("scheduler", "scheduler"), ("worker", "worker")]
)
def test_a_line_names_the_span_in_which_it_is_said(
    service: str, package: str, capsys: pytest.CaptureFixture[str]
) -> None:
    lead_lines(service, TelemetrySettings(log_format="json"))
    with collected(service) as spans, telemetry.span("work"):
        logging.getLogger(f"waterclock_{package}").info("worked", extra={"run": "r"})
        line = said(capsys)

    (work,) = spans.all()
    assert (line["trace_id"], line["span_id"]) == place(work)
    assert (line["event"], line["service"], line["run"]) == ("worked", service, "r")


def test_a_line_outside_any_span_names_none(capsys: pytest.CaptureFixture[str]) -> None:
    lead_lines("api", TelemetrySettings(log_format="json"))
    with collected("api"):
        logging.getLogger("waterclock_api").warning("waits")

    assert not {"trace_id", "span_id"} & set(said(capsys))


def test_a_line_in_text_names_its_trace_too(capsys: pytest.CaptureFixture[str]) -> None:
    lead_lines("api", TelemetrySettings())
    with collected("api") as spans, telemetry.span("work"):
        logging.getLogger("waterclock_api").info("worked")

    trace, span = place(spans.all()[0])
    assert capsys.readouterr().err.endswith(f"worked trace_id={trace} span_id={span}\n")


def test_a_line_that_could_come_all_the_time_comes_once_in_a_while() -> None:
    sparing = Sparing(10)

    assert [sparing.may(now) for now in (5.0, 5.1, 14.9, 15.0, 16.0, 30.0)] == [True, False, False, True, False, True]


def test_an_outage_is_two_lines_however_many_calls_fail(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    outage = Outage(logging.getLogger("waterclock"), "store away", "store back", store="redis")
    for _ in range(2):
        outage.over()
        for _ in range(1000):
            outage.failed("no\n answer")
        outage.over()

    lines = [(record.message, record.__dict__) for record in caplog.records]
    assert [name for name, _ in lines] == ["store away", "store back"] * 2
    assert all(fields["store"] == "redis" for _, fields in lines)
    assert [fields["error"] for _, fields in lines[::2]] == ["no answer"] * 2
    assert [fields["failures"] for _, fields in lines[1::2]] == [1000] * 2


def test_what_the_sdk_says_at_each_try_is_told_seldom(capsys: pytest.CaptureFixture[str]) -> None:
    lead_lines("worker", TelemetrySettings())
    sdk = logging.getLogger("opentelemetry.exporter.otlp.proto.http.trace_exporter")
    for reason in ("refused", "reset", "refused"):
        sdk.warning("Transient error %s encountered", reason)
        logging.getLogger("waterclock_worker").info("renewal failed")
    sdk.error("Failed to export")

    lines = capsys.readouterr().err.splitlines()
    assert [sum(text in line for line in lines) for text in ("refused", "reset", "renewal failed", "to export")] == [
        1, 0, 3, 1,
    ]  # fmt: skip
