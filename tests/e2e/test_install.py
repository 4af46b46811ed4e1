"""The wheels in an environment of their own, in a folder of one's own, and there the tutorial, block by block."""

import json
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.commands import path_with_commands
from tests.support.installation import Installation, clean_environment, running
from tests.support.pages import README, Block, blocks, checked, save
from tests.support.repository import DOCS
from tests.support.wheels import built, installed, packages_of, ran, uv_program

TUTORIAL = DOCS / "tutorial/nightly-report.md"
SHIPPING = DOCS / "how-to/ship-executors.md"
PYTEST = ("_pytest", "iniconfig", "packaging", "pluggy", "py.py", "pygments", "pytest")
"""What `pip install pytest` brings."""
SAID = (
    "passed",
    "600 s (job)",
    "/invokeParams/tabel is unknown",
    "reading orders",
    "failed: KeyError: 'refunds'",
    "return ROWS[params.table]",
    'waterclock_job_last_failure_timestamp_seconds{job="reports/nightly"}',
    "reading refunds",
    "a disabled job does not fire",
)
"""What the commands of the tutorial say, in their order."""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder of one's own, outside the repository, with an environment and the files that the pages show."""
    folder = tmp_path / "reports"
    folder.mkdir()
    for page in (TUTORIAL, SHIPPING):
        save(folder, page)
    environment = installed(folder / ".venv", built(tmp_path / "dist"))
    for name in PYTEST:
        if not (packages_of(environment) / name).exists():
            (packages_of(environment) / name).symlink_to(packages_of(Path(sys.prefix)) / name)
    words = ("pip", "install", "--quiet", "--no-deps", "--python", environment / "bin" / "python")
    ran(uv_program(), *words, "--editable", folder / "shop")
    path_with_commands(folder / "commands")
    return folder


@pytest.mark.timeout(300)  # a score of commands, each a process, beside all other tests
def test_what_a_newcomer_does_works(project: Path) -> None:
    options = ("--no-demo", "--executors", "reports.py", "--reload")
    with running(project, *options, program=(str(project / ".venv/bin/waterclock"),)) as dev:
        assert {"reports.daily", "shop.restock"} <= executors(dev)

        said = "".join(tutorial(dev))
        for word in SAID:
            assert word in said
            said = said.partition(word)[2]

        said = "".join(shell(dev, block.text) for block in blocks(SHIPPING) if block.test == "run")
        assert "shop.restock" in said
        job = json.loads(shell(dev, "waterclock job create shop/often shop.restock --cron '* * * * * *' --json"))
        run = dev.until(lambda: ended_by_schedule(dev, job["id"]))
        assert (run["status"], run["result"]) == ("succeeded", "nothing is short")

        for file, key in (("reports.py", "reports.weekly"), ("shop/src/shop_jobs/__init__.py", "shop.weekly")):
            with (project / file).open("a") as code:
                code.write(f"\n\n@executor({key!r})\ndef weekly(ctx: RunContext) -> None: ...\n")
            dev.until(lambda key=key: key in executors(dev))


def tutorial(dev: Installation) -> Iterator[str]:
    """What its commands say; before each that a reader waits for, what that reader sees is waited for."""
    for block in blocks(TUTORIAL):
        if block.language == "python" and block.test.startswith("elsewhere"):
            edit(dev, block)
        if not block.test.startswith("run"):
            continue
        if "curl " in block.text:
            success, failure = dev.until(lambda: ends(dev))
            assert failure > success, "that the alert is there"
        if "job disable" in block.text:
            dev.until(lambda: ended_by_schedule(dev, nightly(dev)))
        if "explain" in block.text:
            path = f"/jobs/{nightly(dev)}/explain?limit=1&order=newest"
            dev.until(lambda path=path: "disabled" in str(dev.get(path)["items"]))
        yield shell(dev, checked(block))
    success, failure = dev.until(lambda: ends(dev))
    assert success > failure, "that the alert has ended"


def edit(dev: Installation, block: Block) -> None:
    """Put the line that a page shows in the place of the one that begins alike, and wait for the worker that has it."""
    file, before = dev.folder / "reports.py", dev.said.count("worker: ready")
    beginning = block.text.partition("=")[0]
    changed = re.sub(rf"^{beginning}=.*\n", block.text, file.read_text(), flags=re.MULTILINE)
    assert changed != file.read_text()
    file.write_text(changed)
    dev.until(lambda: dev.said.count("worker: ready") > before)


def ends(dev: Installation) -> list[float]:
    """When the nightly report has last succeeded, and when it has last failed; empty before that is told."""
    told = httpx.get(json.loads((dev.folder / ".waterclock/dev.json").read_text())["metrics"]["projector"]).text
    line = re.compile(r'^waterclock_job_last_(success|failure)_\w+\{job="reports/nightly"\} (\S+)', re.MULTILINE)
    found = dict(line.findall(told))
    return [float(found[each]) for each in ("success", "failure")] if len(found) == 2 else []


def nightly(dev: Installation) -> str:
    (found,) = [job["id"] for job in dev.get("/jobs?jobGroup=reports")["items"] if job["jobName"] == "nightly"]
    return found


def test_what_the_readme_shows_is_in_the_tutorial() -> None:
    """Its commands, whatever they are said to be for, and its executor, as it is."""
    (shown,) = [block.text for block in blocks() if "waterclock dev --executors reports.py" in block.text]
    there = " ".join("".join(block.text for block in blocks(TUTORIAL)).replace("\\\n", "").split())
    lines = [re.sub(r"\s+#.*", "", line) for line in shown.splitlines() if line.startswith(("pip", "waterclock"))]

    assert len(lines) > 3
    assert not [line for line in lines if line not in there]
    executors_of = [
        [block.text for block in blocks(page) if block.language == "python" and "@executor" in block.text]
        for page in (README, TUTORIAL)
    ]
    assert executors_of[0] == executors_of[1]


def shell(dev: Installation, text: str) -> str:
    """What commands say in a terminal in which the environment is active."""
    path = f"{dev.folder / '.venv' / 'bin'}:{dev.folder / 'commands'}:{os.defpath}"
    env = clean_environment() | {"WATERCLOCK_API_URL": dev.record.api, "PATH": path}
    return ran("bash", "-ec", "exec 2>&1\n" + text, folder=dev.folder, env=env)


def executors(dev: Installation) -> set[str]:
    return {one["key"] for one in dev.get("/executors")["items"]}


def ended_by_schedule(dev: Installation, job: str) -> dict[str, Any] | None:
    found = dev.get(f"/runs?jobId={job}&trigger=schedule&status=succeeded&status=failed&limit=1")["items"]
    return dev.get(f"/runs/{found[0]['id']}") if found else None
