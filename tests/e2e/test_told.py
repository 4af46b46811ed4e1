"""The page "Be told", as its reader goes through it; and whom `waterclock dev` tells."""

import contextlib
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.conftest import BE_TOLD, RECEIVER
from tests.support.commands import path_with_commands
from tests.support.installation import Installation, clean_environment
from tests.support.pages import blocks
from waterclock_api.notifier.delivery.apprise_sender import AppriseSender
from waterclock_api.notifier.delivery.channels import AppriseTarget
from waterclock_dev.notices import telling

RULES, PROGRAM, COMMANDS, TRY, PROMISE = blocks(BE_TOLD)
JOB = "reports/nightly"
OURS = "told/nightly"
"""The job of the page, in an installation that it has not for itself."""


class Receiver:
    """The page's program, in a process of its own, and all that it has printed."""

    def __init__(self, folder: Path, port: str) -> None:
        (folder / "receiver.py").write_text(PROGRAM.text.replace(RECEIVER, port))
        self._printed = folder / "printed.txt"
        with self._printed.open("wb") as file:
            command = [sys.executable, folder / "receiver.py"]
            self.process = subprocess.Popen(command, stdout=file, stderr=subprocess.DEVNULL)

    @property
    def printed(self) -> str:
        return self._printed.read_text()


@pytest.fixture
def receiver(installation: Installation, tmp_path: Path) -> Iterator[Receiver]:
    at = re.search(r"127\.0\.0\.1:(\d+)", (installation.folder / "notices.yaml").read_text())
    assert at is not None
    with contextlib.ExitStack() as held:
        started = Receiver(tmp_path, at[1])
        held.callback(started.process.wait, 10)
        held.callback(started.process.kill)
        yield started


@pytest.fixture
def path(tmp_path: Path) -> str:
    """Where a shell finds our commands."""
    return f"{path_with_commands(tmp_path / 'commands')}:{Path(sys.executable).parent}"


def typed(installation: Installation, path: str, text: str) -> str:
    """What commands of the page say in the folder of the installation."""
    done = subprocess.run(
        ["bash", "-ec", text.replace(JOB, OURS)],
        cwd=installation.folder,
        env={
            **clean_environment(),
            "PATH": path,
            "WATERCLOCK_API_URL": installation.record.api,
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def shape(message: str) -> list[str]:
    """The lines of a message, without what differs from one to the next."""
    plain = re.sub(r"\w{3} \d+ \w{3} \d{4}, [\d:]+ UTC|http://[\d.:]+", "…", message)
    return re.sub(r"[\w]{10,}-[\w]{10,}|\b\d+-\d+-\d+\b", "…", plain).replace(JOB, OURS).strip().splitlines()


def test_the_page_leads_from_nothing_to_a_message(installation: Installation, receiver: Receiver, path: str) -> None:
    start, dev, *more = COMMANDS.text.splitlines()
    assert (start, dev) == ("python receiver.py", "waterclock dev")
    typed(installation, path, "\n".join(more))
    installation.until(lambda: "Position" in receiver.printed)
    [shown] = re.findall(r"^```text\n(.*?)^```$", BE_TOLD.read_text(), re.MULTILINE | re.DOTALL)
    assert shape(receiver.printed) == shape(shown)
    assert f"{installation.record.api}/console/runs/" in receiver.printed

    assert typed(installation, path, TRY.text) == "me: delivered\n"
    assert "Nothing happened." in receiver.printed

    installation.until(lambda: "level of all projectors" in installation.said, timeout=60)
    typed(installation, path, PROMISE.text)
    [job] = [one for one in installation.get("/jobs?jobGroup=told")["items"] if one["jobName"] == "nightly"]
    assert job["promise"] == {"finishBy": "06:30"}


def test_a_file_of_notices_that_changes_is_read_again(installation: Installation) -> None:
    file = installation.folder / "notices.yaml"
    right = file.read_text()

    def says(words: str, line: int) -> bool:
        return any("notifier" in one and words in one for one in installation.lines[line:])

    before = len(installation.lines)
    file.write_text(right.replace("[failed", "[fialed"))
    installation.until(lambda: says("did you mean failed?", before))
    before = len(installation.lines)
    file.write_text(right)
    installation.until(lambda: says("notices file read", before))


def test_who_is_told_is_said_and_the_notifier_is_in_dev_json(installation: Installation) -> None:
    assert f"  Notices   sent after {installation.folder / 'notices.yaml'}" in installation.said
    assert "notifier" in installation.record.pids
    assert installation.record.metrics["notifier"].endswith("/metrics")


async def test_the_addresses_of_the_page_are_ones_that_a_notifier_takes(tmp_path: Path) -> None:
    shown = re.findall(r"^- \*\*.+?`(\w+://[^`]+)`", BE_TOLD.read_text(), re.MULTILINE)
    assert [one.partition(":")[0] for one in shown] == ["ntfy", "slack", "mailtos"]
    services = telling(tmp_path / "notices.yaml", {}, url="http://127.0.0.1:8080")["WATERCLOCK_NOTICES_SERVICES"]
    targets = [AppriseTarget(address=one) for one in shown]
    assert await AppriseSender(services.split(",")).flaws(targets, deadline=30) == [None] * len(shown)
