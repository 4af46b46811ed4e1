"""What OpenTelemetry's own variables ask for, and what of ours overrules them."""

from __future__ import annotations

import importlib.metadata
import sys
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.trace.sampling import Decision

from waterclock.kit.settings import SettingsError, TelemetrySettings
from waterclock.kit.telemetry.exporters import metric_exporter, span_exporter
from waterclock.kit.telemetry.otel_settings import Batching, OtelSettings, Sending, read_otel
from waterclock.kit.telemetry.provider import resource_of
from waterclock.kit.telemetry.sampling import Sampled

OURS = TelemetrySettings(otlp_endpoint="http://ours:4318")
NONE = TelemetrySettings()
HERE = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://theirs:4318"}


def endpoints(settings: TelemetrySettings, **environment: str) -> tuple[str | None, str | None]:
    otel = read_otel(settings, environment)
    traces, metrics = otel.traces, otel.metrics
    return traces and (traces.endpoint or traces.exporter), metrics and (metrics.endpoint or metrics.exporter)


@pytest.mark.parametrize(
    ("settings", "environment", "traces", "metrics"),
    [
        (NONE, {}, None, None),
        (NONE, {"OTEL_EXPORTER_OTLP_ENDPOINT": " "}, None, None),
        (NONE, HERE, "http://theirs:4318/v1/traces", "http://theirs:4318/v1/metrics"),
        (NONE, HERE | {"OTEL_SDK_DISABLED": "true"}, None, None),
        (OURS, HERE, "http://ours:4318/v1/traces", "http://ours:4318/v1/metrics"),
        (OURS, {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://x/t"}, "http://ours:4318/v1/traces", "http://ours:4318/v1/metrics"),
        (NONE, {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://x/t"}, "http://x/t", None),
        (NONE, {"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": "http://x/m/"}, None, "http://x/m/"),
        (NONE, HERE | {"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": "http://x/m"}, "http://theirs:4318/v1/traces", "http://x/m"),
        (NONE, HERE | {"OTEL_TRACES_EXPORTER": "none"}, None, "http://theirs:4318/v1/metrics"),
        (OURS, {"OTEL_METRICS_EXPORTER": "none"}, "http://ours:4318/v1/traces", None),
        (OURS, {"OTEL_METRICS_EXPORTER": "prometheus"}, "http://ours:4318/v1/traces", None),
        (NONE, {"OTEL_TRACES_EXPORTER": "otlp"}, "http://localhost:4318/v1/traces", None),
        (NONE, {"OTEL_TRACES_EXPORTER": "Console", "OTEL_METRICS_EXPORTER": "console"}, "console", "console"),
        (NONE, HERE | {"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, "http://theirs:4318", "http://theirs:4318"),
        (
            NONE,
            {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "c:4317", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "grpc"},
            "c:4317",
            None,
        ),
        (OURS, {"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, "http://ours:4318/v1/traces", "http://ours:4318/v1/metrics"),
    ],
)  # fmt: skip
def test_where_signals_go(
    settings: TelemetrySettings, environment: dict[str, str], traces: str | None, metrics: str | None
) -> None:
    assert endpoints(settings, **environment) == (traces, metrics)


@pytest.mark.parametrize(
    ("sample", "environment", "share", "follows"),
    [
        (None, {}, 1, True),
        (0.25, {"OTEL_TRACES_SAMPLER": "always_off"}, 0.25, True),
        (None, {"OTEL_TRACES_SAMPLER": "always_off"}, 0, False),
        (None, {"OTEL_TRACES_SAMPLER": "ALWAYS_ON", "OTEL_TRACES_SAMPLER_ARG": "0.5"}, 1, False),
        (None, {"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0.5"}, 0.5, False),
        (None, {"OTEL_TRACES_SAMPLER": "traceidratio"}, 1, False),
        (None, {"OTEL_TRACES_SAMPLER": "parentbased_always_off"}, 0, True),
        (None, {"OTEL_TRACES_SAMPLER": "parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0"}, 0, True),
    ],
)
def test_what_is_sampled(sample: float | None, environment: dict[str, str], share: float, *, follows: bool) -> None:
    otel = read_otel(TelemetrySettings(trace_sample=sample), HERE | environment)
    assert (otel.share, otel.follows_parent) == (share, follows)


def test_batches_and_times_are_theirs_to_set() -> None:
    told = {
        "OTEL_BSP_MAX_QUEUE_SIZE": "100",
        "OTEL_BSP_SCHEDULE_DELAY": "250",
        "OTEL_METRIC_EXPORT_INTERVAL": "60000",
        "OTEL_EXPORTER_OTLP_TIMEOUT": "2.5",
        "OTEL_EXPORTER_OTLP_METRICS_TIMEOUT": "7",
        "OTEL_EXPORTER_OTLP_TRACES_COMPRESSION": "gzip",
    }
    otel = read_otel(NONE, HERE | told)
    assert otel.batching == Batching(queue=100, batch=100, delay_ms=250)
    assert otel.metrics_every == 60
    assert otel.traces is not None
    assert otel.metrics is not None
    assert (otel.traces.timeout, otel.metrics.timeout) == (2.5, 7)
    assert (otel.traces.compression, otel.metrics.compression) == ("gzip", "none")


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("OTEL_TRACES_EXPORTER", "zipkin", "'zipkin' is not one of otlp, console, none; for example"),
        ("OTEL_METRICS_EXPORTER", "otlp,console", "is not one of otlp, console, none, prometheus; for example"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json", "is not one of http/protobuf, grpc; for example"),
        ("OTEL_EXPORTER_OTLP_METRICS_PROTOCOL", "udp", "is not one of http/protobuf, grpc; for example"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4318", "does not begin with http:// or https://"),
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "https://x/t?key=hush", "has a ? or # part, which is not allowed"),
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "ftp://x", "does not begin with http:// or https://"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://\udcff", "holds bytes that are not text"),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "zstd", "is not one of none, gzip, deflate; for example"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "10000", "is not a number of seconds (OpenTelemetry for Python has seconds)"),
        ("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "soon", "is not a number of seconds"),
        ("OTEL_EXPORTER_OTLP_CERTIFICATE", "/nowhere/ca.pem", "'/nowhere/ca.pem' is not a readable file; for"),
        ("OTEL_TRACES_SAMPLER", "xray", "is not one of always_on, always_off, traceidratio, parentbased_always_on"),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "0", "is not a whole number from 1 on; for example OTEL_BSP_MAX_QUEUE_SIZE=4096"),
        ("OTEL_BSP_SCHEDULE_DELAY", "1s", "is not a whole number from 1 on; for example"),
        ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "5000", "is more than the queue holds (OTEL_BSP_MAX_QUEUE_SIZE: 4096)"),
        ("OTEL_METRIC_EXPORT_INTERVAL", "-1", "is not a whole number from 1 on; for example"),
        ("OTEL_RESOURCE_ATTRIBUTES", "team=billing,production", "'production' is not key=value; for example"),
        ("OTEL_RESOURCE_ATTRIBUTES", "=x", "'=x' is not key=value; for example"),
    ],
)
def test_a_wrong_value_names_its_variable_what_fits_and_an_example(name: str, value: str, expected: str) -> None:
    with pytest.raises(SettingsError) as told:
        read_otel(NONE, HERE | {name: value})
    said = str(told.value)
    assert said.startswith(f"{name}: ")
    assert expected in said
    assert "\n" not in said
    assert f"for example {name}=" in said or "not text" in said


def test_a_share_that_is_none_is_told() -> None:
    told = {"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "10%"}
    with pytest.raises(
        SettingsError, match=r"^OTEL_TRACES_SAMPLER_ARG: '10%' is not a number from 0 to 1; for example"
    ):
        read_otel(NONE, HERE | told)


def test_nothing_is_judged_while_nothing_is_sent() -> None:
    wrong = {"OTEL_TRACES_SAMPLER": "xray", "OTEL_EXPORTER_OTLP_PROTOCOL": "http/json", "OTEL_BSP_SCHEDULE_DELAY": "x"}
    assert read_otel(NONE, wrong) == OtelSettings()
    assert read_otel(OURS, wrong | {"OTEL_SDK_DISABLED": "true"}) == OtelSettings()


def test_an_endpoint_that_is_refused_keeps_its_password() -> None:
    with pytest.raises(SettingsError) as told:
        read_otel(NONE, {"OTEL_EXPORTER_OTLP_ENDPOINT": "https://me:hush/hush@c"})
    assert "hush" not in str(told.value)


@pytest.mark.parametrize(
    ("environment", "name", "version", "instance"),
    [
        ({}, "waterclock-api", None, "one"),
        ({"OTEL_SERVICE_NAME": "clock"}, "clock", None, "one"),
        ({"OTEL_SERVICE_NAME": "clock", "OTEL_RESOURCE_ATTRIBUTES": "service.name=x,team=t"}, "clock", None, "one"),
        ({"OTEL_RESOURCE_ATTRIBUTES": "service.name=x,service.version=7,service.instance.id=pod"}, "x", "7", "pod"),
    ],
)
def test_what_the_process_is_called(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], name: str, version: str | None, instance: str
) -> None:
    for key in ("OTEL_SERVICE_NAME", "OTEL_RESOURCE_ATTRIBUTES"):
        monkeypatch.delenv(key, raising=False)
    for key, value in environment.items():
        monkeypatch.setenv(key, value)
    found = resource_of("api", "one").attributes
    assert (found["service.name"], found["service.instance.id"]) == (name, instance)
    assert found["service.version"] == (version or importlib.metadata.version("waterclock"))


def test_grpc_without_its_package_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.grpc", None)
    for make in (span_exporter, metric_exporter):
        with pytest.raises(SettingsError) as told:
            make(Sending(protocol="grpc", endpoint="http://c:4317"))
        said = str(told.value)
        assert said.startswith("OTEL_EXPORTER_OTLP_PROTOCOL: grpc needs the extra `grpc`")
        assert "opentelemetry-exporter-otlp-proto-grpc" in said


def test_a_certificate_that_can_be_read_is_taken(tmp_path: Path) -> None:
    file = tmp_path / "ca.pem"
    file.write_text("x")
    assert read_otel(NONE, HERE | {"OTEL_EXPORTER_OTLP_CERTIFICATE": str(file)}).traces is not None


@pytest.mark.parametrize(("share", "taken"), [(1.0, True), (0.0, False)])
def test_a_sampler_that_follows_no_parent_decides_by_the_trace_alone(share: float, taken: bool) -> None:
    told: Any = Sampled(share, follows_parent=False).should_sample(None, 7, "work")
    assert (told.decision is Decision.RECORD_AND_SAMPLE) == taken
