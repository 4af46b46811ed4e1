"""The README's table of settings names each setting, and no other."""

import re
from typing import Any

import msgspec

from tests.support.pages import README
from waterclock.cli.connection.resolve import ClientSettings
from waterclock.kit.settings import PREFIX, RedisSettings, TelemetrySettings
from waterclock_api.access.token_settings import TokenSettings
from waterclock_api.settings import ApiSettings, MigrateSettings, ProjectorSettings, StoreSettings
from waterclock_dev.servers.external import Elsewhere
from waterclock_scheduler.main import SchedulerSettings
from waterclock_worker.executors.backup.postgres import programs
from waterclock_worker.executors.http import guard, references
from waterclock_worker.executors.places import configuration, variables
from waterclock_worker.settings import WorkerSettings

SETTINGS = (
    RedisSettings,
    TelemetrySettings,
    StoreSettings,
    ApiSettings,
    ProjectorSettings,
    MigrateSettings,
    SchedulerSettings,
    WorkerSettings,
    Elsewhere,
    ClientSettings,
    TokenSettings,
)
OF_EXECUTORS = {
    configuration.FILE,
    *variables.NAMES,
    programs.FOLDER,
    guard.ALLOW,
    references.REFERENCES,
}


def test_the_table_of_settings_is_whole() -> None:
    kinds: tuple[Any, ...] = SETTINGS
    declared = {PREFIX + field.name.upper() for kind in kinds for field in msgspec.structs.fields(kind)}
    rows = re.findall(r"^\| (`WATERCLOCK_[^|]+)\|", README.read_text(), re.MULTILINE)
    named = {name for row in rows for name in re.findall(r"WATERCLOCK_\w+", row)}
    assert named == declared | OF_EXECUTORS
