"""The units of systemd: by rules of their own, and by systemd itself where it is at hand."""

import re
import shutil
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from tests.support.repository import DOCS
from tests.unit.deploy.stands import DEPLOY, known_settings
from waterclock.kit.settings import read
from waterclock_api.http.server import GRACE
from waterclock_api.notifier.delivery.sender import DEADLINE
from waterclock_worker.settings import WorkerSettings
from waterclock_worker.worker import FAREWELL, STOPPING

FOLDER = DEPLOY / "systemd"
SETTINGS = FOLDER / "waterclock.env"
UNITS = sorted(FOLDER.glob("*.service"))
WITH_POSTGRES = {"api", "projector", "notifier"}
ENDS = {"api": GRACE, "projector": GRACE, "scheduler": GRACE, "notifier": DEADLINE}
"""Seconds that it takes to stop, but for workers, which say that themselves."""
ANALYZE = shutil.which("systemd-analyze")
HARDENED = {
    "CapabilityBoundingSet": "",
    "DynamicUser": "yes",
    "LockPersonality": "yes",
    "NoNewPrivileges": "yes",
    "PrivateDevices": "yes",
    "PrivateTmp": "yes",
    "ProtectClock": "yes",
    "ProtectControlGroups": "yes",
    "ProtectHome": "yes",
    "ProtectHostname": "yes",
    "ProtectKernelLogs": "yes",
    "ProtectKernelModules": "yes",
    "ProtectKernelTunables": "yes",
    "ProtectProc": "invisible",
    "ProtectSystem": "strict",
    "RestrictAddressFamilies": "AF_INET AF_INET6 AF_UNIX",
    "RestrictNamespaces": "yes",
    "RestrictRealtime": "yes",
    "RestrictSUIDSGID": "yes",
    "SystemCallArchitectures": "native",
    "SystemCallFilter": "@system-service",
    "UMask": "0077",
}
every_unit = pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)


def verb_of(unit: Path) -> str:
    return unit.stem.removeprefix("waterclock-").rstrip("@")


def assigned(text: str) -> dict[str, list[str]]:
    """What lines assign, in their order, whatever their section."""
    found: dict[str, list[str]] = {}
    for name, value in re.findall(r"^(\w+)=(.*)$", text, re.MULTILINE):
        found.setdefault(name, []).append(value)
    return found


def variables_of(unit: Path) -> dict[str, str]:
    """What the service finds in its environment, but for what systemd puts in place of specifiers."""
    said = {name: values[-1] for name, values in assigned(SETTINGS.read_text()).items()}
    return said | dict(one.split("=", 1) for one in assigned(unit.read_text()).get("Environment", []))


def test_there_is_a_unit_for_each_service_that_runs_on() -> None:
    verbs = {entry.name for entry in entry_points(group="waterclock.commands")}

    assert {verb_of(unit) for unit in UNITS} == {"api", "projector", "scheduler", "worker", "notifier"} & verbs
    for unit in UNITS:
        assert assigned(unit.read_text())["ExecStart"] == [f"/opt/waterclock/bin/waterclock {verb_of(unit)}"]


@every_unit
def test_a_service_may_do_no_more_than_it_has_to(unit: Path) -> None:
    said = assigned(unit.read_text())

    assert {name: said.get(name) for name in HARDENED} == {name: [value] for name, value in HARDENED.items()}
    assert "User" not in said


@every_unit
def test_a_service_is_started_again_for_as_long_as_it_takes(unit: Path) -> None:
    said = assigned(unit.read_text())

    assert said["Restart"] == ["always"]
    assert said["StartLimitIntervalSec"] == ["0"]
    assert "RestartPreventExitStatus" not in said, "with 2 ends also what finds no store at its start"


@every_unit
def test_a_service_gets_the_time_that_its_end_takes_and_its_children_are_not_asked(unit: Path) -> None:
    said = assigned(unit.read_text())
    drain = read(WorkerSettings, {"WATERCLOCK_DRAIN_TIMEOUT": variables_of(unit)["WATERCLOCK_DRAIN_TIMEOUT"]})
    needed = drain.drain_timeout + STOPPING + FAREWELL if verb_of(unit) == "worker" else ENDS[verb_of(unit)]

    assert float(said["TimeoutStopSec"][0]) >= needed + 5
    assert said["KillMode"] == ["mixed"]
    assert said.get("OOMPolicy", ["stop"]) == (["continue"] if verb_of(unit) == "worker" else ["stop"])


@every_unit
def test_secrets_come_from_files_that_each_service_has_for_itself(unit: Path) -> None:
    said, verb = assigned(unit.read_text()), verb_of(unit)
    stores = ["redis", "postgres"] if verb in WITH_POSTGRES else ["redis"]

    assert said["LoadCredential"] == [f"{one}-url:/etc/waterclock/credentials/{verb}.{one}-url" for one in stores]
    files = {name: value for name, value in variables_of(unit).items() if name.endswith("_FILE")}
    assert files == {f"WATERCLOCK_{one.upper()}_URL_FILE": f"%d/{one}-url" for one in stores}


@every_unit
def test_every_variable_is_a_setting(unit: Path) -> None:
    commented = assigned(re.sub(r"^#(?=\w+=)", "", SETTINGS.read_text(), flags=re.MULTILINE))
    named = {name.removesuffix("_FILE") for name in (*variables_of(unit), *commented)}

    assert named <= known_settings()
    secrets = {name for name in commented if name.endswith(("_URL", "_KEY", "_PASSWORD"))}
    assert secrets <= {"WATERCLOCK_PUBLIC_URL", "WATERCLOCK_API_URL"}  # which are none


def test_the_page_says_where_each_file_goes() -> None:
    page = (DOCS / "how-to/install-vm.md").read_text()
    credentials = {value.split("/")[-1] for unit in UNITS for value in assigned(unit.read_text())["LoadCredential"]}

    assert not {name for name in credentials if name not in page}
    for word in ("/etc/systemd/system/", "/etc/waterclock/waterclock.env", "deploy/systemd/"):
        assert word in page


@pytest.mark.skipif(ANALYZE is None, reason="systemd is not at hand")
def test_systemd_takes_them_and_finds_them_hardened(tmp_path: Path) -> None:
    assert ANALYZE is not None
    program = str(Path(sys.executable).with_name("waterclock"))
    files: list[Path] = []
    for unit in UNITS:
        files.append(tmp_path / unit.name.replace("@.", "@1."))
        files[-1].write_text(unit.read_text().replace("/opt/waterclock/bin/waterclock", program))

    for words in (["verify", "--man=no", "--recursive-errors=no"], ["security", "--offline=yes", "--threshold=20"]):
        command = [ANALYZE, "--no-pager", *words, *files]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        assert words[0] == "security" or not done.stderr
