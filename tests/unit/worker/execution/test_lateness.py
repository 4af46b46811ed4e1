"""A run that starts late is worth a line: of many the latest, once in a while."""

from __future__ import annotations

import logging
from types import SimpleNamespace
from typing import Any

import pytest

from waterclock.kit.telemetry.log_lines import Throttle
from waterclock_worker.execution import metrics


def attempt(name: str, waited_ms: int, traceparent: str | None = None) -> Any:
    grant, request = SimpleNamespace(waited=waited_ms), SimpleNamespace(queue="default")
    return SimpleNamespace(name=name, grant=grant, request=request, traceparent=traceparent)


@pytest.fixture(autouse=True)
def unspared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "_throttle", Throttle(10))


def test_of_the_runs_of_a_claim_the_latest_is_named(caplog: pytest.LogCaptureFixture) -> None:
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    metrics.tell_late([attempt("a", 6_000), attempt("b", 9_000, trace), attempt("c", -1)], 0.0)

    (record,) = caplog.records
    told = vars(record)
    assert (record.getMessage(), record.levelno) == ("started late", logging.WARNING)
    assert (told["run"], told["waited_ms"], told["runs"], told["trace_id"]) == ("b", 9_000, 3, trace[3:35])


def test_a_backlog_does_not_fill_the_log(caplog: pytest.LogCaptureFixture) -> None:
    for second in range(100):
        metrics.tell_late([attempt("a", 6_000)], float(second))

    assert len(caplog.records) == 10


def test_a_run_in_time_and_a_claim_without_runs_are_not_told(caplog: pytest.LogCaptureFixture) -> None:
    metrics.tell_late([attempt("a", metrics.LATE_MS - 1)], 0.0)
    metrics.tell_late([], 100.0)

    assert not caplog.records
