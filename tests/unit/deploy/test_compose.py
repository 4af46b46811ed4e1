"""deploy/compose.yaml, as the real Docker Compose of the locked toolchain reads it. No daemon is asked."""

import functools
import json
import os
import re
import subprocess
import tempfile
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from tests.unit.deploy.stands import DEPLOY, archive_roles, known_settings, log_users, program
from waterclock.client.environment import CallerSettings
from waterclock.kit.addresses import is_loopback
from waterclock.kit.settings import RedisSettings, TelemetrySettings, read
from waterclock.model.notices.rule_file import read_rules
from waterclock_api.notifier.delivery.channels import read_channels
from waterclock_api.notifier.delivery.sender import DEADLINE
from waterclock_api.settings import ApiSettings, MigrateSettings, NotifierSettings, ProjectorSettings, StoreSettings
from waterclock_scheduler.main import SchedulerSettings
from waterclock_worker.executors.backup.params import BackupParams
from waterclock_worker.executors.places.configuration import read_places
from waterclock_worker.executors.places.site import site_of
from waterclock_worker.settings import WorkerSettings
from waterclock_worker.worker import FAREWELL, STOPPING

READ_BY = {
    "migrate": (MigrateSettings, StoreSettings),
    "projector": (ProjectorSettings, StoreSettings),
    "api": (ApiSettings, StoreSettings),
    "scheduler": (SchedulerSettings,),
    "worker": (WorkerSettings,),
    "notifier": (NotifierSettings, StoreSettings),
}
OURS = {*READ_BY, "prometheus-key"}
USERS = {
    "migrate": ("waterclock-operator", "waterclock_owner"),
    "prometheus-key": ("waterclock-operator", "waterclock_owner"),
    "projector": ("waterclock-projector", "waterclock_projector"),
    "api": ("waterclock-api", "waterclock_api"),
    "scheduler": ("waterclock-scheduler", None),
    "worker": ("waterclock-worker", None),
    "notifier": ("waterclock-notifier", "waterclock_notifier"),
}
"""Who each is at the log and at Postgres."""


STORES = {"valkey", "postgres", "s3"}
WATCHING = {"otel-collector", "tempo", "prometheus", "grafana"}
SCRIPT = DEPLOY / "compose/secrets.sh"


@functools.cache
def made() -> dict[str, str]:
    """Secrets as the script makes them, by their names in the file; those of Valkey by the names of its files, too."""
    with tempfile.TemporaryDirectory() as folder:
        return make_secrets(Path(folder))


def make_secrets(folder: Path) -> dict[str, str]:
    subprocess.run(["sh", SCRIPT, folder], check=True, capture_output=True, timeout=60)
    lines = (folder / ".env").read_text().splitlines()
    secrets = dict(line.split("=", 1) for line in lines)
    return secrets | {file.name: file.read_text().strip() for file in (folder / "compose/secrets").iterdir()}


def asked(given: dict[str, str]) -> subprocess.CompletedProcess[bytes]:
    """What Docker Compose makes of the file with these variables."""
    command = [program("docker-compose"), "--env-file", "/dev/null", "-f", DEPLOY / "compose.yaml", "config"]
    env = {"PATH": os.environ["PATH"], **given}
    return subprocess.run([*command, "--format", "json"], env=env, capture_output=True, check=False, timeout=60)


@functools.cache
def services() -> dict[str, dict[str, Any]]:
    answer = asked({name: value for name, value in made().items() if name.isupper()})
    assert answer.returncode == 0, answer.stderr.decode()
    return json.loads(answer.stdout)["services"]


def test_secrets_are_made_once_and_are_nobody_elses(tmp_path: Path) -> None:
    first = make_secrets(tmp_path)

    assert make_secrets(tmp_path) == first
    values = {name: value for name, value in first.items() if name.isupper()}
    assert len(set(values.values())) == len(values)
    assert {len(value) for value in values.values()} == {48}
    assert not set(values.values()) & set(made().values())
    for name in ("API", "PROJECTOR", "SCHEDULER", "WORKER", "NOTIFIER", "OPERATOR"):
        assert first[f"valkey-{name.lower()}"] == first[f"VALKEY_{name}"]
    modes = {path.stat().st_mode & 0o777 for path in tmp_path.rglob("*") if path.is_file()}
    assert modes == {0o600}
    lines = [line for line in (tmp_path / ".env").read_text().splitlines() if "GRAFANA" not in line]
    (tmp_path / ".env").write_text("\n".join([*lines, "GRAFANA_PASSWORD=mine", ""]))
    assert make_secrets(tmp_path) == first | {"GRAFANA_PASSWORD": "mine"}


@pytest.mark.parametrize("name", ["POSTGRES_PASSWORD", "VALKEY_WORKER", "S3_SECRET_KEY", "GRAFANA_PASSWORD"])
def test_nothing_starts_by_a_secret_that_was_not_made(name: str) -> None:
    answer = asked({one: value for one, value in made().items() if one.isupper() and one != name})

    assert answer.returncode != 0
    assert f"{name} is missing a value: run deploy/compose/secrets.sh first" in answer.stderr.decode()


def test_no_secret_is_committed() -> None:
    tracked = subprocess.run(
        ["git", "ls-files", "deploy/.env", "deploy/compose"], cwd=DEPLOY.parent, capture_output=True, check=True
    )
    ignored = ["deploy/.env", "deploy/compose/secrets/valkey-api", "deploy/compose/notices.env"]
    kept = subprocess.run(["git", "check-ignore", *ignored], cwd=DEPLOY.parent, capture_output=True, check=False)

    assert not [name for name in tracked.stdout.decode().splitlines() if "secrets/" in name or name.endswith(".env")]
    assert kept.stdout.decode().split() == ignored
    text = (DEPLOY / "compose.yaml").read_text()
    assert not re.findall(r"://[^/\s]*:(?!\$\{)[^/\s@]*@", text)
    assert set(re.findall(r"\$\{(\w+)", text)) == {name for name in made() if name.isupper()}


@pytest.mark.parametrize("name", sorted(STORES | WATCHING))
def test_a_foreign_image_has_no_more_than_its_start_needs(name: str) -> None:
    service = services()[name]

    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    added = set(service.get("cap_add", []))
    assert added <= {"CHOWN", "DAC_OVERRIDE", "FOWNER", "SETGID", "SETUID"}
    assert not added or name in {"valkey", "postgres"}  # which begin as root, hand their data over and let go of it


def test_the_log_has_a_bound_and_loses_nothing_at_it() -> None:
    command: list[str] = services()["valkey"]["command"]
    told = dict(pairwise(command))

    assert told["--maxmemory-policy"] == "noeviction"
    assert re.fullmatch(r"[1-9]\d*(mb|gb)", told["--maxmemory"])
    assert (told["--appendonly"], told["--appendfsync"]) == ("yes", "always")


def test_who_looks_at_graphs_says_who_they_are() -> None:
    given: dict[str, str] = services()["grafana"]["environment"]

    assert given["GF_AUTH_ANONYMOUS_ENABLED"] == "false"
    assert "GF_AUTH_ANONYMOUS_ORG_ROLE" not in given
    assert given["GF_SECURITY_ADMIN_PASSWORD"] == made()["GRAFANA_PASSWORD"]


def test_it_holds_what_belongs_together() -> None:
    assert set(services()) == OURS | STORES | WATCHING


@pytest.mark.parametrize("name", READ_BY)
def test_a_service_of_ours_can_read_its_settings(name: str) -> None:
    given: dict[str, str] = services()[name]["environment"]

    for kind in (RedisSettings, TelemetrySettings, *READ_BY[name]):
        read(kind, given)
    assert {variable for variable in given if variable.startswith("WATERCLOCK_")} <= known_settings()


@pytest.mark.parametrize("name", OURS)
def test_a_service_of_ours_can_change_nothing_in_its_container(name: str) -> None:
    service = services()[name]

    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "network_mode" not in service
    if name in READ_BY:
        assert service["command"] == [name]
        assert "volumes" not in service


@pytest.mark.parametrize("name", OURS)
def test_a_service_of_ours_is_a_user_of_its_own_at_each_store(name: str) -> None:
    given: dict[str, str] = services()[name]["environment"]
    user, role = USERS[name]
    log = urlsplit(given["WATERCLOCK_REDIS_URL"])

    assert (log.username, log.hostname) == (user, "valkey")
    assert log.username in log_users()
    assert log.password == _password_of_the_log(user)
    if role is None:
        assert "WATERCLOCK_POSTGRES_URL" not in given
    else:
        _is_a_role(given["WATERCLOCK_POSTGRES_URL"], role)


def test_backups_are_made_by_a_role_that_only_reads() -> None:
    _is_a_role(services()["worker"]["environment"]["PLACE_DATABASE_URL"], "waterclock_backup")


def test_backups_have_the_keys_of_the_object_store() -> None:
    given = services()["worker"]["environment"]
    keys = given["PLACE_S3_ACCESS_KEY"], given["PLACE_S3_SECRET_KEY"]

    assert keys == (made()["S3_ACCESS_KEY"], made()["S3_SECRET_KEY"])
    assert services()["s3"]["environment"]["RCLONE_AUTH_KEY"] == f'"{",".join(keys)}"'


def test_the_stores_make_the_users_and_the_roles() -> None:
    valkey, postgres = services()["valkey"], services()["postgres"]
    laid = {volume["target"]: volume["source"] for volume in (*valkey["volumes"], *postgres["volumes"])}

    assert valkey["entrypoint"][:2] == ["sh", "/etc/valkey/start.sh"]
    assert {one["source"] for one in valkey["secrets"]} == {
        user.replace("waterclock", "valkey") for user in log_users()
    }
    assert laid["/etc/valkey"] == str(DEPLOY / "valkey")
    assert laid["/docker-entrypoint-initdb.d/roles.sql"] == str(DEPLOY / "postgres/roles.sql")


def _password_of_the_log(user: str) -> str:
    return made()[user.replace("waterclock", "valkey")]


def _is_a_role(url: str, role: str) -> None:
    at = urlsplit(url)
    given: dict[str, str] = services()["postgres"]["environment"]
    assert (at.username, at.hostname, at.path) == (role, "postgres", f"/{given['POSTGRES_DB']}")
    assert at.username in archive_roles()
    assert at.password == given[f"{role.upper()}_PASSWORD"] == made()[f"{role.upper()}_PASSWORD"]


def test_the_api_asks_for_credentials_and_starts_when_there_are_some() -> None:
    api = services()["api"]

    assert not is_loopback(read(ApiSettings, api["environment"]).host)
    assert api["depends_on"]["prometheus-key"]["condition"] == "service_completed_successfully"
    assert "key create --name prometheus --scope list" in services()["prometheus-key"]["command"][0]


def test_prometheus_shows_the_key_that_was_made_for_it() -> None:
    (api,) = (job for job in _yaml(DEPLOY / "compose/prometheus.yaml")["scrape_configs"] if job["job_name"] == "api")
    key = Path(api["authorization"]["credentials_file"])
    laid = {name: _volume(name, str(key.parent)) for name in ("prometheus", "prometheus-key")}

    assert laid["prometheus"] == laid["prometheus-key"]
    assert f"mv {key.parent}/new {key}" in services()["prometheus-key"]["command"][0]


def _volume(name: str, target: str) -> str:
    (source,) = (volume["source"] for volume in services()[name]["volumes"] if volume["target"] == target)
    return source


@pytest.mark.parametrize("name", ["projector", "api", "scheduler", "worker", "notifier"])
def test_the_health_that_is_asked_for_is_served_there(name: str) -> None:
    service = services()[name]
    shell, asked = service["healthcheck"]["test"]
    given: dict[str, str] = service["environment"]
    port = read(ApiSettings, given).port if name == "api" else given["WATERCLOCK_HEALTH_PORT"]

    assert shell == "CMD-SHELL"
    assert f"http://127.0.0.1:{port}/readyz" in asked


def test_nothing_is_published_beyond_this_machine() -> None:
    published = [port for service in services().values() for port in service.get("ports", [])]

    assert published
    assert {port["host_ip"] for port in published} == {"127.0.0.1"}


def test_a_worker_is_given_the_time_that_its_drain_takes() -> None:
    worker = services()["worker"]
    drain = read(WorkerSettings, worker["environment"]).drain_timeout

    assert float(worker["stop_grace_period"].removesuffix("s")) > drain + STOPPING + FAREWELL


def test_a_notifier_is_given_the_time_that_a_message_takes() -> None:
    assert float(services()["notifier"]["stop_grace_period"].removesuffix("s")) >= DEADLINE + 5


def test_the_notifier_reads_its_file_and_links_to_the_api() -> None:
    notifier, api = services()["notifier"], services()["api"]
    settings = read(NotifierSettings, notifier["environment"])
    (config,) = notifier["configs"]
    (port,) = api["ports"]
    text = (DEPLOY / f"compose/{config['source']}.yaml").read_text()

    assert config["target"] == settings.notices
    assert read_rules(yaml.safe_load(text)).channels == {}
    examples = re.sub(r"^(\w+): (\{\}|\[\])$", r"\1:", text, flags=re.MULTILINE).replace("\n#  ", "\n  ")
    assert read_channels(read_rules(yaml.safe_load(examples)).channels).keys() == {"oncall"}
    assert read(CallerSettings, notifier["environment"]).api_url == f"http://api:{port['target']}"
    assert settings.public_url == f"http://localhost:{port['published']}"


def test_a_foreign_image_is_named_by_its_version() -> None:
    foreign = [service["image"] for name, service in services().items() if name not in OURS]

    assert len(foreign) == len(services()) - len(OURS)
    for image in foreign:
        tag = image.partition(":")[2]
        assert re.match(r"v?\d+(\.\d+)*$", tag), image


def test_whoever_is_called_is_there() -> None:
    folder = DEPLOY / "compose"
    prometheus, collector = _yaml(folder / "prometheus.yaml"), _yaml(folder / "collector.yaml")
    called = [
        target
        for job in prometheus["scrape_configs"]
        for targets in job.get("static_configs", [])
        for target in targets["targets"]
        if not target.startswith("localhost:")
    ]
    asked = {
        name: one["port"]
        for job in prometheus["scrape_configs"]
        for one in job.get("dns_sd_configs", [])
        for name in one["names"]
    }
    assert asked == {"api": 8080, "projector": 8081, "scheduler": 8081, "worker": 8081, "notifier": 8081}
    assert {services()[name]["environment"]["WATERCLOCK_HOST"] for name in asked} == {"0.0.0.0"}
    called.append(collector["exporters"]["otlp/tempo"]["endpoint"])
    called += [one["url"].removeprefix("http://") for one in _yaml(folder / "grafana.yaml")["datasources"]]

    assert {name for name, _, _ in (address.partition(":") for address in called)} <= set(services())
    assert collector["service"]["pipelines"]["metrics"]["exporters"] == ["nop"]  # else Prometheus had them twice


def _yaml(path: Path) -> Any:
    return yaml.safe_load(path.read_text())


def test_the_worker_knows_its_place_and_has_what_that_refers_to() -> None:
    environment = services()["worker"]["environment"]
    (config,) = services()["worker"]["configs"]
    assert environment["WATERCLOCK_PLACES"] == config["target"]

    given = {**environment, "WATERCLOCK_PLACES": str(DEPLOY / f"compose/{config['source']}.toml")}
    site = site_of(read_places(given), "db.backup", BackupParams(), given)

    assert (site.source.database, site.source.settings["PGUSER"]) == ("waterclock", "waterclock_backup")
    assert len(site.bucket.secrets) == 2
