"""Settings by variable, by file and by option: read alike, and secrets by no option."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click
import msgspec
import pytest
from click.testing import CliRunner

from waterclock.kit.redaction import passwords
from waterclock.kit.setting_options import setting_options, variable_of
from waterclock.kit.settings import RedisSettings, SettingsError, TelemetrySettings, help_of, read, value_of
from waterclock_api.access.token_settings import TokenSettings
from waterclock_api.main import api
from waterclock_api.operator.migrate import migrate
from waterclock_api.projector_main import projector
from waterclock_api.settings import ApiSettings, MigrateSettings, ProjectorSettings, StoreSettings
from waterclock_scheduler.main import SchedulerSettings, scheduler
from waterclock_worker.executors.places.variables import place_of_variables
from waterclock_worker.main import worker
from waterclock_worker.settings import ReachSettings, WorkerSettings

LOG = (RedisSettings, TelemetrySettings)
SERVICES: dict[click.Command, tuple[type[msgspec.Struct], ...]] = {
    api: (*LOG, StoreSettings, ApiSettings, TokenSettings),
    projector: (*LOG, StoreSettings, ProjectorSettings),
    scheduler: (*LOG, SchedulerSettings),
    worker: (*LOG, WorkerSettings, ReachSettings),
    migrate: (RedisSettings, StoreSettings, MigrateSettings),
}
SECRET = {
    *("redis_url", "postgres_url", "otlp_endpoint", "jwt_jwks"),
    *("s3_access_key", "s3_secret_key", "backup_database_url"),
}
FIELDS = [
    (command, field) for command, kinds in SERVICES.items() for kind in kinds for field in msgspec.structs.fields(kind)
]


def named(value: object) -> str:
    return str(getattr(value, "name", value))


@pytest.mark.parametrize(("command", "field"), FIELDS, ids=named)
def test_help_names_each_setting_by_its_variable_and_secrets_have_no_option(
    command: click.Command, field: msgspec.structs.FieldInfo
) -> None:
    options = {name for param in command.params for name in (*param.opts, *param.secondary_opts)}
    assert (f"--{field.name.replace('_', '-')}" in options) is (field.name not in SECRET)
    told = CliRunner().invoke(command, ["--help"], terminal_width=1_000).output
    assert variable_of(field) in told
    assert len(help_of(field).text) > 5
    assert help_of(field).text[:-1] in told


@pytest.mark.parametrize(("command", "field"), FIELDS, ids=named)
def test_an_example_is_a_value_that_fits(command: click.Command, field: msgspec.structs.FieldInfo) -> None:
    if example := help_of(field).example:
        value_of(example, field.type)


class Own(msgspec.Struct, frozen=True, kw_only=True):
    slots: int = 10
    strict: bool = False
    queues: tuple[str, ...] = ()


def asked(*arguments: str, environment: dict[str, str]) -> Any:
    """What a service reads that is started so."""
    found: list[Own] = []

    @setting_options(Own)
    @click.command()
    def serve() -> None:
        found.append(read(Own, os.environ))

    done = CliRunner().invoke(serve, arguments, env=environment)
    return found[0] if found else (done.exit_code, done.stderr.strip().splitlines()[-1])


def test_an_option_overrules_the_variable_and_the_file(tmp_path: Path) -> None:
    (tmp_path / "slots").write_text("30\n")
    file = {"WATERCLOCK_SLOTS_FILE": str(tmp_path / "slots")}
    assert asked(environment=file) == Own(slots=30)
    assert asked("--slots", "40", environment=file) == Own(slots=40)
    assert asked("--slots", "40", environment={"WATERCLOCK_SLOTS": "20"}) == Own(slots=40)
    assert asked("--strict", "--queues", "a, b", environment={}) == Own(strict=True, queues=("a", "b"))
    assert asked("--no-strict", environment={"WATERCLOCK_STRICT": "true"}) == Own()
    assert not {"WATERCLOCK_SLOTS", "WATERCLOCK_STRICT", "WATERCLOCK_QUEUES"} & os.environ.keys()


def test_an_option_that_does_not_fit_is_named_itself() -> None:
    code, said = asked("--slots", "many", environment={})
    assert (code, said) == (2, "Error: Invalid value for '--slots': 'many' is not a whole number")
    code, said = asked("--slots", "", environment={})
    assert code == 2
    assert "--slots" in said
    assert "is empty" in said


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "cannot be read: No such file or directory"),
        (b" \n", "is empty"),
        (b"\xff", "holds bytes that are not UTF-8"),
        (b"7" * ((1 << 20) + 1), "is longer than 1048576 bytes"),
    ],
)
def test_a_file_that_says_nothing_of_use_is_named_with_its_variable(
    content: bytes | None, said: str, tmp_path: Path
) -> None:
    path = tmp_path / "value"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SettingsError) as refused:
        read(RedisSettings, {"WATERCLOCK_REDIS_URL_FILE": str(path)})
    assert str(refused.value) == f"WATERCLOCK_REDIS_URL_FILE: {path} {said}"


def test_a_variable_beside_its_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "url").write_text("redis://there:1/0")
    both = {"WATERCLOCK_REDIS_URL": "redis://here:1/0", "WATERCLOCK_REDIS_URL_FILE": str(tmp_path / "url")}
    with pytest.raises(SettingsError, match="WATERCLOCK_REDIS_URL and WATERCLOCK_REDIS_URL_FILE are both set"):
        read(RedisSettings, both)


def test_what_stands_in_a_file_is_a_secret_as_in_a_variable(tmp_path: Path) -> None:
    assert "a-key-of-ours" in passwords({"WATERCLOCK_API_KEY": "a-key-of-ours"})
    (tmp_path / "url").write_text("postgresql://owner:s3cr3t-word@db/shop\n")
    (tmp_path / "key").write_text("a-key-of-ours\n")
    files = {"WATERCLOCK_POSTGRES_URL_FILE": str(tmp_path / "url"), "WATERCLOCK_API_KEY_FILE": str(tmp_path / "key")}
    assert {"s3cr3t-word", "a-key-of-ours"} <= passwords(files)


def test_the_keys_of_a_bucket_may_stand_in_files_that_each_run_reads(tmp_path: Path) -> None:
    place = place_of_variables(
        {
            "WATERCLOCK_S3_BUCKET": "b",
            "WATERCLOCK_S3_SECRET_KEY_FILE": f"{tmp_path}/key",
            "WATERCLOCK_S3_ACCESS_KEY": "a",
        }
    )
    assert place is not None
    assert place.secret_key is not None
    assert place.secret_key.pattern == f"file:{tmp_path}/key"
    assert place.access_key is not None
    assert place.access_key.pattern == "env:WATERCLOCK_S3_ACCESS_KEY"
    with pytest.raises(SettingsError, match="WATERCLOCK_S3_SECRET_KEY_FILE: 'key' is no path from the root"):
        place_of_variables({"WATERCLOCK_S3_SECRET_KEY_FILE": "key"})


@pytest.mark.parametrize(
    ("kind", "name", "value", "example"),
    [
        (ApiSettings, "WATERCLOCK_PORT", "web", "for example WATERCLOCK_PORT=8080"),
        (StoreSettings, "WATERCLOCK_POSTGRES_URL", "", "for example WATERCLOCK_POSTGRES_URL=postgresql://"),
        (RedisSettings, "WATERCLOCK_LOG_REPLICAS", "99", "for example WATERCLOCK_LOG_REPLICAS=0"),
    ],
)
def test_a_wrong_value_is_told_with_an_example(kind: type[msgspec.Struct], name: str, value: str, example: str) -> None:
    with pytest.raises(SettingsError) as refused:
        read(kind, {name: value})
    assert str(refused.value).startswith(name)
    assert example in str(refused.value)
