"""The page of settings names each setting, and no other, and says rightly which service reads it."""

import re
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner

from tests.support.repository import DOCS, ROOT, script
from waterclock.cli.connection.resolve import ClientSettings
from waterclock.kit.http import guard
from waterclock.kit.settings import PREFIX, RedisSettings, TelemetrySettings
from waterclock_api.access.token_settings import TokenSettings
from waterclock_api.settings import (
    ApiSettings,
    MigrateSettings,
    NotifierSettings,
    ProjectorSettings,
    PublisherSettings,
    StoreSettings,
)
from waterclock_dev.servers.external import Elsewhere
from waterclock_scheduler.main import SchedulerSettings
from waterclock_worker.executors.backup.postgres import programs
from waterclock_worker.executors.http import references
from waterclock_worker.executors.places import configuration, variables
from waterclock_worker.settings import WorkerSettings

SETTINGS = (
    RedisSettings,
    TelemetrySettings,
    StoreSettings,
    ApiSettings,
    ProjectorSettings,
    NotifierSettings,
    PublisherSettings,
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


PAGE = DOCS / "reference" / "settings.md"
SERVICES = {"api", "projector", "scheduler", "worker", "notifier", "publisher", "migrate"}


def test_the_page_has_a_section_for_each_setting() -> None:
    kinds: tuple[Any, ...] = SETTINGS
    declared = {PREFIX + field.name.upper() for kind in kinds for field in msgspec.structs.fields(kind)}
    headings = re.findall(r"^### `(WATERCLOCK_\w+)`$", PAGE.read_text(), re.MULTILINE)
    assert len(set(headings)) == len(headings)
    assert set(headings) == declared | OF_EXECUTORS


@pytest.fixture(scope="module")
def part() -> Any:
    return script(ROOT / "deploy" / "docs" / "parts" / "settings.py")


def test_a_service_reads_what_its_help_names(part: Any) -> None:
    commands: list[Any] = list(part.SERVICES)
    assert {command.name for command in commands} == SERVICES
    for command in commands:
        told = CliRunner().invoke(command, ["--help"], terminal_width=1_000).output
        named = set(re.findall(r"\bWATERCLOCK_\w+", told))
        read = {f"{PREFIX}{name.upper()}" for name, each in part.settings().items() if command.name in each.readers}
        assert read == named, command.name
