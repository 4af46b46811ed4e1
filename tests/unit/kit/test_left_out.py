"""What is left out of the start of a process: what is left is whole."""

from __future__ import annotations

import subprocess
import sys

import pytest

LEFT_OUT = ("opentelemetry.sdk.resources", "opentelemetry.sdk.trace", "rich", "pygments", "jsonschema", "croniter")


def said_by(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, encoding="utf-8", check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.strip()


@pytest.mark.parametrize(
    "module",
    ["waterclock_api.main", "waterclock_scheduler.main", "waterclock_worker.main", "waterclock.cli.verbs.jobs"],
)
def test_what_is_not_used_is_not_loaded(module: str) -> None:
    loaded = said_by(
        f"import waterclock.cli.main, {module}, sys; print(*(n for n in {LEFT_OUT!r} if n in sys.modules))"
    )
    assert loaded == ""


def test_metrics_of_redis_are_there_for_an_executor_that_turns_them_on() -> None:
    program = (
        "import waterclock.cli.main, redis\n"
        "from opentelemetry import metrics\n"
        "from opentelemetry.sdk.metrics import MeterProvider\n"
        "from opentelemetry.sdk.metrics.export import InMemoryMetricReader\n"
        "from redis.observability import OTelConfig, get_observability_instance, recorder\n"
        "reader = InMemoryMetricReader()\n"
        "metrics.set_meter_provider(MeterProvider([reader]))\n"
        "get_observability_instance().init(OTelConfig())\n"
        "recorder.record_error_count('here', 6379, 'here', 6379, ValueError(), 0)\n"
        "found = reader.get_metrics_data().resource_metrics[0].scope_metrics[0].metrics\n"
        "print(*(one.name for one in found))"
    )
    assert "redis.client.errors" in said_by(program)


def test_httpx_is_whole_but_for_its_command() -> None:
    assert said_by("import waterclock.cli.main, httpx; print(httpx.Client.__name__, callable(httpx.main))") == (
        "Client True"
    )
