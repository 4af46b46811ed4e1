"""What OpenTelemetry's own variables ask for (`OTEL_*`), which whatever injects them into pods expects to be heeded.

    where to   WATERCLOCK_OTLP_ENDPOINT ► OTEL_EXPORTER_OTLP_{TRACES,METRICS}_ENDPOINT ► OTEL_EXPORTER_OTLP_ENDPOINT
    sampled    WATERCLOCK_TRACE_SAMPLE ► OTEL_TRACES_SAMPLER, OTEL_TRACES_SAMPLER_ARG ► everything

Headers and certificates are read by the exporters themselves. An empty variable is as one that is not set.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Literal, TypeVar, cast
from urllib.parse import urlsplit

import msgspec

from waterclock.kit.addresses import http_url
from waterclock.kit.settings import SettingsError, TelemetrySettings, variable

SEND_MOST_S = 5.0
"""For one batch, with whatever is tried again in it."""
END_MOST_S = 3.0
"""For what is left when the process ends, of traces and of metrics."""

Signal = Literal["traces", "metrics"]
Protocol = Literal["http/protobuf", "grpc"]
Compression = Literal["none", "gzip", "deflate"]
Word = TypeVar("Word", bound=str)

_PROTOCOLS: tuple[Protocol, ...] = ("http/protobuf", "grpc")
_LOCAL = {"http/protobuf": "http://localhost:4318", "grpc": "http://localhost:4317"}
"""Of a collector that is asked for and not named."""
_SAMPLERS = {  # share that is sampled, None for the argument; whether a parent's decision is followed
    "always_on": (1.0, False),
    "always_off": (0.0, False),
    "traceidratio": (None, False),
    "parentbased_always_on": (1.0, True),
    "parentbased_always_off": (0.0, True),
    "parentbased_traceidratio": (None, True),
}
_SHOWN = 40  # characters
_LONGEST_S = 300.0


class Sending(msgspec.Struct, frozen=True, kw_only=True):
    """How one kind of signal leaves the process. `endpoint` is whole, with its path; `timeout` in seconds."""

    exporter: Literal["otlp", "console"] = "otlp"
    protocol: Protocol = "http/protobuf"
    endpoint: str = ""
    compression: Compression = "none"
    timeout: float = SEND_MOST_S


class Batching(msgspec.Struct, frozen=True, kw_only=True):
    """Of spans that wait to be sent: with 4 KiB each 16 MiB."""

    queue: int = 4_096
    batch: int = 512
    delay_ms: int = 1_000


class OtelSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What is sent, None for nothing; `instance` tells processes of a service apart."""

    instance: str | None = None
    traces: Sending | None = None
    metrics: Sending | None = None
    metrics_every: float = 15.0  # s
    share: float = 1.0
    follows_parent: bool = True
    batching: Batching = Batching()


def read_otel(
    settings: TelemetrySettings, environment: Mapping[str, str] = os.environ, *, instance: str | None = None
) -> OtelSettings:
    """
    Raises:
        SettingsError: a variable does not fit; the message is one line.
    """
    if environment.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return OtelSettings(instance=instance)
    told = _Variables(environment)
    traces, metrics = _sending("traces", settings, told), _sending("metrics", settings, told)
    if traces is None and metrics is None:
        return OtelSettings(instance=instance)
    told.pairs("OTEL_RESOURCE_ATTRIBUTES")
    share, follows_parent = _sampler(settings, told)
    return OtelSettings(
        instance=instance,
        traces=traces,
        metrics=metrics,
        metrics_every=told.whole("OTEL_METRIC_EXPORT_INTERVAL", 15_000) / 1000,
        share=share,
        follows_parent=follows_parent,
        batching=_batching(told),
    )


class _Variables:
    """What is set, each read as it is meant to be."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment

    def text(self, name: str) -> str | None:
        return variable(self._environment, name)

    def first(self, *names: str) -> str | None:
        """The name of the first that is set."""
        return next((name for name in names if self.text(name) is not None), None)

    def word(self, names: Sequence[str], words: Sequence[Word], default: Word) -> Word:
        name = self.first(*names)
        text = None if name is None else (self.text(name) or "").lower()
        if name is None or text is None:
            return default
        if text not in words:
            raise SettingsError(f"{name}: {text[:_SHOWN]!r} is not one of {', '.join(words)}; {_like(name, default)}")
        return cast("Word", text)

    def whole(self, name: str, default: int) -> int:
        text = self.text(name)
        if text is None:
            return default
        if not text.isascii() or not text.isdigit() or not 1 <= int(text[:10]) <= 2**31 - 1:
            raise SettingsError(f"{name}: {text[:_SHOWN]!r} is not a whole number from 1 on; {_like(name, default)}")
        return int(text)

    def number(self, names: Sequence[str], default: float, *, above: float, most: float, what: str) -> float:
        name = self.first(*names)
        if name is None:
            return default
        text = self.text(name) or ""
        try:
            found = float(text)
        except ValueError:
            found = float("nan")
        if not above < found <= most:
            raise SettingsError(f"{name}: {text[:_SHOWN]!r} is not a {what}; {_like(name, f'{default:g}')}")
        return found

    def pairs(self, name: str) -> None:
        for item in filter(str.strip, (self.text(name) or "").split(",")):
            key, separator, _ = item.partition("=")
            if not separator or not key.strip():
                example = _like(name, "deployment.environment.name=production,team=billing")
                raise SettingsError(f"{name}: {item.strip()[:_SHOWN]!r} is not key=value; {example}")

    def file(self, name: str) -> None:
        path = self.text(name)
        if path is not None and not os.access(path, os.R_OK):
            raise SettingsError(
                f"{name}: {path!r} is not a readable file; {_like(name, '/etc/ssl/certs/collector.pem')}"
            )


def _like(name: str, value: object) -> str:
    return f"for example {name}={value}"


def _sending(signal: Signal, settings: TelemetrySettings, told: _Variables) -> Sending | None:
    """How a signal leaves; None where nothing asks for it, or something that it is not to."""
    upper = signal.upper()
    ours = settings.otlp_endpoint
    theirs = told.first(f"OTEL_EXPORTER_OTLP_{upper}_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
    words = ("otlp", "console", "none", *(("prometheus",) if signal == "metrics" else ()))
    asked = told.word([f"OTEL_{upper}_EXPORTER"], words, "otlp" if ours or theirs else "none")
    if asked == "console":
        return Sending(exporter="console")
    if asked != "otlp":  # Prometheus reads /metrics, whatever is sent
        return None

    def of_signal(what: str) -> tuple[str, str]:
        return f"OTEL_EXPORTER_OTLP_{upper}_{what}", f"OTEL_EXPORTER_OTLP_{what}"

    protocol: Protocol = "http/protobuf"
    if ours is None:
        protocol = told.word(of_signal("PROTOCOL"), _PROTOCOLS, protocol)
    compressions: tuple[Compression, ...] = ("none", "gzip", *(() if protocol == "grpc" else ("deflate",)))
    for what in ("CERTIFICATE", "CLIENT_CERTIFICATE", "CLIENT_KEY"):
        for name in of_signal(what):
            told.file(name)
    if ours is not None:
        endpoint = f"{ours.rstrip('/')}/v1/{signal}"
    elif theirs is None:
        endpoint = f"{_LOCAL[protocol]}{'' if protocol == 'grpc' else f'/v1/{signal}'}"
    else:
        endpoint = _endpoint(theirs, told.text(theirs) or "", protocol, signal)
    return Sending(
        protocol=protocol,
        endpoint=endpoint,
        compression=told.word(of_signal("COMPRESSION"), compressions, "none"),
        timeout=told.number(
            of_signal("TIMEOUT"),
            SEND_MOST_S,
            above=0,
            most=_LONGEST_S,
            what=f"number of seconds (OpenTelemetry for Python has seconds) above 0 and up to {_LONGEST_S:g}",
        ),
    )


def _endpoint(name: str, text: str, protocol: Protocol, signal: Signal) -> str:
    """The whole endpoint of a signal: what is named for both has its path added, what is named for one is as it is."""
    if protocol == "grpc" and "://" not in text:  # as gRPC has it: host:port
        if not urlsplit(f"//{text}").hostname:
            raise SettingsError(f"{name}: names no host; {_like(name, _LOCAL[protocol])}")
        return text
    try:
        root = http_url(text)  # without a query: what fails to be sent is told with its URL
    except ValueError as error:
        raise SettingsError(f"{name}: {error}; {_like(name, _LOCAL[protocol])}") from None
    if protocol == "grpc":
        return root
    return text if name != "OTEL_EXPORTER_OTLP_ENDPOINT" else f"{root}/v1/{signal}"


def _sampler(settings: TelemetrySettings, told: _Variables) -> tuple[float, bool]:
    """The share of the traces that begin here, and whether those that do not follow their parent."""
    if settings.trace_sample is not None:
        return settings.trace_sample, True
    share, follows = _SAMPLERS[told.word(["OTEL_TRACES_SAMPLER"], tuple(_SAMPLERS), "parentbased_always_on")]
    if share is None:
        share = told.number(["OTEL_TRACES_SAMPLER_ARG"], 1.0, above=-1e-9, most=1, what="number from 0 to 1")
    return max(share, 0.0), follows


def _batching(told: _Variables) -> Batching:
    queue = told.whole("OTEL_BSP_MAX_QUEUE_SIZE", Batching().queue)
    batch = told.whole("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", min(Batching().batch, queue))
    if batch > queue:
        raise SettingsError(
            f"OTEL_BSP_MAX_EXPORT_BATCH_SIZE: {batch} is more than the queue holds (OTEL_BSP_MAX_QUEUE_SIZE: {queue}); "
            f"{_like('OTEL_BSP_MAX_EXPORT_BATCH_SIZE', min(512, queue))}"
        )
    return Batching(queue=queue, batch=batch, delay_ms=told.whole("OTEL_BSP_SCHEDULE_DELAY", Batching().delay_ms))
