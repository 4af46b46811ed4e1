"""deploy/compose.yaml, as the real Docker Compose of the locked toolchain reads it. No daemon is asked."""

import functools
import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.unit.deploy.stands import DEPLOY, known_settings, program
from waterclock.kit.settings import RedisSettings, TelemetrySettings, read
from waterclock_api.settings import ApiSettings, MigrateSettings, ProjectorSettings, StoreSettings, is_loopback
from waterclock_scheduler.main import SchedulerSettings
from waterclock_worker.settings import WorkerSettings
from waterclock_worker.worker import FAREWELL, STOPPING

READ_BY = {
    "migrate": (MigrateSettings, StoreSettings),
    "projector": (ProjectorSettings, StoreSettings),
    "api": (ApiSettings, StoreSettings),
    "scheduler": (SchedulerSettings,),
    "worker": (WorkerSettings,),
}


@functools.cache
def services() -> dict[str, dict[str, Any]]:
    asked = [program("docker-compose"), "-f", DEPLOY / "compose.yaml", "config", "--format", "json"]
    answer = subprocess.run(asked, capture_output=True, check=False, timeout=60)
    assert answer.returncode == 0, answer.stderr.decode()
    return json.loads(answer.stdout)["services"]


def test_it_holds_what_belongs_together() -> None:
    stores = {"valkey", "postgres", "s3"}
    watching = {"otel-collector", "tempo", "prometheus", "grafana"}

    assert set(services()) == set(READ_BY) | stores | watching


@pytest.mark.parametrize("name", READ_BY)
def test_a_service_of_ours_can_read_its_settings(name: str) -> None:
    given: dict[str, str] = services()[name]["environment"]

    for kind in (RedisSettings, TelemetrySettings, *READ_BY[name]):
        read(kind, given)
    assert {variable for variable in given if variable.startswith("WATERCLOCK_")} <= known_settings()


@pytest.mark.parametrize("name", READ_BY)
def test_a_service_of_ours_can_change_nothing_in_its_container(name: str) -> None:
    service = services()[name]

    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["command"] == [name]
    assert "volumes" not in service


def test_the_api_is_served_where_no_credentials_are_asked_for() -> None:
    api = services()["api"]

    assert is_loopback(read(ApiSettings, api["environment"]).host)
    assert api["network_mode"] == "host"


def test_nothing_is_published_beyond_this_machine() -> None:
    published = [port for service in services().values() for port in service.get("ports", [])]

    assert published
    assert {port["host_ip"] for port in published} == {"127.0.0.1"}


def test_a_worker_is_given_the_time_that_its_drain_takes() -> None:
    worker = services()["worker"]
    drain = read(WorkerSettings, worker["environment"]).drain_timeout

    assert float(worker["stop_grace_period"].removesuffix("s")) > drain + STOPPING + FAREWELL


def test_a_foreign_image_is_named_by_its_version() -> None:
    foreign = [service["image"] for name, service in services().items() if name not in READ_BY]

    assert len(foreign) == len(services()) - len(READ_BY)
    for image in foreign:
        tag = image.partition(":")[2]
        assert re.match(r"v?\d+(\.\d+)*$", tag), image


def test_whoever_is_called_is_there() -> None:
    folder = DEPLOY / "compose"
    prometheus, collector = _yaml(folder / "prometheus.yaml"), _yaml(folder / "collector.yaml")
    called = [
        target
        for job in prometheus["scrape_configs"]
        for targets in job["static_configs"]
        for target in targets["targets"]
        if not target.startswith("localhost:")
    ]
    called.append(collector["exporters"]["otlp/tempo"]["endpoint"])
    called += [one["url"].removeprefix("http://") for one in _yaml(folder / "grafana.yaml")["datasources"]]

    assert {name for name, _, _ in (address.partition(":") for address in called)} <= set(services())
    assert collector["exporters"]["prometheus"]["endpoint"].endswith(":8889")


def _yaml(path: Path) -> Any:
    return yaml.safe_load(path.read_text())
