"""Names that are OpenTelemetry's, compared with its package."""

from __future__ import annotations

from opentelemetry.semconv._incubating.attributes import messaging_attributes
from opentelemetry.semconv.attributes import http_attributes
from opentelemetry.semconv.metrics.http_metrics import HTTP_SERVER_REQUEST_DURATION

from waterclock.kit.telemetry import catalog
from waterclock.kit.telemetry.semantics import messaging


def strings(module: object) -> set[str]:
    return {value for value in vars(module).values() if isinstance(value, str)}


def test_names_are_those_of_the_semantic_conventions() -> None:
    told = messaging("send", "append", "q", partition=0, message="m", count=1, group="g", client="c")

    assert set(told) <= strings(messaging_attributes)
    operations = {one.value for one in messaging_attributes.MessagingOperationTypeValues}
    assert {"create", "send", "receive", "process"} <= operations
    assert catalog.HTTP_DURATION.convention == HTTP_SERVER_REQUEST_DURATION
    assert set(catalog.HTTP_DURATION.labels) <= strings(http_attributes)
