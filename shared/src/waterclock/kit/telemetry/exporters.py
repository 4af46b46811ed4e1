"""What takes spans and metrics out of the process. Imported where something is sent: each takes a third of a second."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, cast

from waterclock.kit.settings import SettingsError

if TYPE_CHECKING:
    from opentelemetry.sdk.metrics.export import MetricExporter
    from opentelemetry.sdk.trace.export import SpanExporter

    from waterclock.kit.telemetry.otel_settings import Sending


def span_exporter(sending: Sending) -> SpanExporter:
    """
    Raises:
        SettingsError: its package is not installed.
    """
    if sending.exporter == "console":
        from opentelemetry.sdk.trace.export import ConsoleSpanExporter  # noqa: PLC0415

        return ConsoleSpanExporter(out=sys.stdout)
    if sending.protocol == "grpc":
        try:
            from opentelemetry.exporter.otlp.proto.grpc import trace_exporter as by_grpc  # noqa: PLC0415
        except ImportError as error:
            raise _lacking(error) from error
        return by_grpc.OTLPSpanExporter(**_of_grpc(sending))
    from opentelemetry.exporter.otlp.proto.http import trace_exporter as by_http  # noqa: PLC0415

    return by_http.OTLPSpanExporter(**_of_http(sending))


def metric_exporter(sending: Sending) -> MetricExporter:
    """
    Raises:
        SettingsError: its package is not installed.
    """
    if sending.exporter == "console":
        from opentelemetry.sdk.metrics.export import ConsoleMetricExporter  # noqa: PLC0415

        return ConsoleMetricExporter(out=sys.stdout)
    if sending.protocol == "grpc":
        try:
            from opentelemetry.exporter.otlp.proto.grpc import metric_exporter as by_grpc  # noqa: PLC0415
        except ImportError as error:
            raise _lacking(error) from error
        return cast("MetricExporter", by_grpc.OTLPMetricExporter(**_of_grpc(sending)))
    from opentelemetry.exporter.otlp.proto.http import metric_exporter as by_http  # noqa: PLC0415

    return by_http.OTLPMetricExporter(**_of_http(sending))


def _lacking(error: ImportError) -> SettingsError:
    return SettingsError(
        f"OTEL_EXPORTER_OTLP_PROTOCOL: grpc needs the extra `grpc` of waterclock, which is not installed ({error}): "
        "install opentelemetry-exporter-otlp-proto-grpc, or let it be OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf"
    )


def _of_http(sending: Sending) -> dict[str, Any]:
    from opentelemetry.exporter.otlp.proto.http import Compression  # noqa: PLC0415

    return {
        "endpoint": sending.endpoint,
        "timeout": sending.timeout,
        "compression": Compression(sending.compression),
    }


def _of_grpc(sending: Sending) -> dict[str, Any]:
    from grpc import Compression  # noqa: PLC0415

    return {
        "endpoint": sending.endpoint,
        "timeout": sending.timeout,
        "compression": Compression.Gzip if sending.compression == "gzip" else Compression.NoCompression,
    }
