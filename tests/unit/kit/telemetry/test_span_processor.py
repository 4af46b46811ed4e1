"""What OpenTelemetry's own variables do, and what its senders are given at the end of a process."""

import asyncio
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from waterclock.kit.settings import SettingsError, TelemetrySettings
from waterclock.kit.telemetry import otel_settings, otlp_metrics, traces
from waterclock.kit.telemetry.metrics import Exposition
from waterclock.kit.telemetry.otel_settings import OtelSettings, Sending

NOBODY = "http://127.0.0.1:9"


@pytest.fixture(autouse=True)
def off_at_the_end() -> Iterator[None]:
    yield
    traces.shutdown()


@pytest.mark.parametrize("said", ["true", "TRUE", " true "])
def test_disabled_means_no_traces_and_no_metrics(monkeypatch: pytest.MonkeyPatch, said: str) -> None:
    monkeypatch.setenv("OTEL_SDK_DISABLED", said)
    otel = traces.setup("api", TelemetrySettings(otlp_endpoint=NOBODY))
    assert not traces.tracing()
    monkeypatch.setattr(otlp_metrics, "_send", None)  # which would be called

    async def end() -> None:
        async with otlp_metrics.pushing(Exposition("api", []), otel):
            pass

    asyncio.run(end())


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "abc"),
        ("OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "-1"),
        ("OTEL_SPAN_EVENT_COUNT_LIMIT", "1.5"),
    ],
)
def test_a_wrong_value_is_one_line(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as told:
        traces.setup("api", TelemetrySettings(otlp_endpoint=NOBODY))
    assert "OTEL_" in str(told.value)
    assert "\n" not in str(told.value)


def test_plugins_that_are_named_are_not_loaded() -> None:
    code = (
        "import waterclock.cli.main\n"
        "from waterclock.kit.telemetry import traces\n"
        "from waterclock.kit.settings import TelemetrySettings\n"
        f"traces.setup('api', TelemetrySettings(otlp_endpoint={NOBODY!r}))\n"
        "assert traces.tracing()\n"
        "import os; os._exit(0)\n"
    )
    named = {"OTEL_PYTHON_TRACER_PROVIDER": "bogus", "OTEL_PYTHON_CONTEXT": "bogus"}
    ended = subprocess.run(
        [sys.executable, "-c", code], env=named, capture_output=True, encoding="utf-8", timeout=60, check=False
    )
    assert (ended.returncode, ended.stderr) == (0, "")


@pytest.mark.parametrize(("value", "code"), [("abc", 2), ("-1", 2), (" 1.5", 2), ("", 3), ("7", 3)])
def test_a_value_that_is_read_when_the_sdk_is_loaded_is_one_line_too(value: str, code: int) -> None:
    """3: the start went on to what nobody serves here."""
    program = (
        "import sys, waterclock.cli.main\n"
        "from waterclock.kit.telemetry import traces\n"
        "from waterclock.kit.settings import SettingsError, TelemetrySettings\n"
        "try:\n"
        f"    traces.setup('api', TelemetrySettings(otlp_endpoint={NOBODY!r}))\n"
        "except SettingsError as error:\n"
        "    print(error, file=sys.stderr, flush=True)\n"
        "    import os; os._exit(2)\n"
        "import os; os._exit(3)\n"
    )
    named = {"OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT": value}
    ended = subprocess.run(
        [sys.executable, "-c", program], env=named, capture_output=True, encoding="utf-8", timeout=60, check=False
    )
    assert ended.returncode == code, ended.stderr
    assert ended.stderr.count("\n") == (1 if code == 2 else 0), ended.stderr
    assert ("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT" in ended.stderr) == (code == 2)


class Silent(SpanExporter):
    """A collector that says nothing."""

    def __init__(self) -> None:
        self.asked, self.over = threading.Event(), threading.Event()

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:  # noqa: ARG002
        self.asked.set()
        self.over.wait()
        return SpanExportResult.FAILURE

    def shutdown(self) -> None:
        self.over.set()


def test_traces_and_metrics_have_one_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is waited for metrics at the end is not waited for traces once more."""
    silent = Silent()
    traces.install("api", silent)
    with traces.span("work"):
        pass
    waited: list[float] = []
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now)
    traces.hurry()
    assert silent.asked.wait(20)  # at once, beside all else that ends

    now += 2.0

    def join(_: threading.Thread, timeout: float) -> None:
        if threading.current_thread() is threading.main_thread():  # the SDK waits too, where nobody waits for it
            waited.append(timeout)

    monkeypatch.setattr(threading.Thread, "join", join)
    traces.shutdown()
    assert waited == [pytest.approx(otel_settings.END_MOST_S - 2.0)]


def test_the_end_waits_for_no_collector_that_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    over = threading.Event()
    monkeypatch.setattr(otlp_metrics, "END_MOST_S", 0.05)
    sent = threading.Event()

    def send(*_: Any) -> None:
        sent.set()
        over.wait()

    monkeypatch.setattr(otlp_metrics, "_send", send)

    async def end() -> None:
        otel = OtelSettings(metrics=Sending(endpoint=f"{NOBODY}/v1/metrics"), metrics_every=0)
        async with otlp_metrics.pushing(Exposition("api", []), otel):
            assert await asyncio.to_thread(sent.wait, 20)

    asyncio.run(end())  # which waits for the threads of the loop, of which none sends
    over.set()
