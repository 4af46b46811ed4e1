"""The wheels in an environment of their own, in a folder of one's own, and there what docs/how-to/install.md shows."""

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.installation import Installation, clean_environment, running
from tests.support.pages import blocks, save
from tests.support.repository import DOCS
from tests.support.wheels import built, installed, packages_of, ran, uv_program

PAGE = DOCS / "how-to/install.md"
PYTEST = ("_pytest", "iniconfig", "packaging", "pluggy", "py.py", "pygments", "pytest")
"""What `pip install pytest` brings."""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder of one's own, outside the repository, with an environment and the files that the page shows."""
    folder = tmp_path / "reports"
    folder.mkdir()
    save(folder, PAGE)
    environment = installed(folder / ".venv", built(tmp_path / "dist"))
    for name in PYTEST:
        if not (packages_of(environment) / name).exists():
            (packages_of(environment) / name).symlink_to(packages_of(Path(sys.prefix)) / name)
    words = ("pip", "install", "--quiet", "--no-deps", "--python", environment / "bin" / "python")
    ran(uv_program(), *words, "--editable", folder / "shop")
    return folder


def test_what_a_newcomer_does_works(project: Path) -> None:
    commands = project / ".venv" / "bin"
    told = ran(commands / "python", "-m", "pytest", "-q", "-p", "no:cacheprovider", folder=project)
    assert "2 passed" in told

    options = ("--no-demo", "--executors", "reports.py", "--reload")
    with running(project, *options, program=(str(commands / "waterclock"),)) as dev:
        assert {"reports.daily", "shop.restock"} <= executors(dev)

        told = shell(dev, "".join(block.text for block in blocks(PAGE) if block.test == "run"))
        assert told.count("reading orders") == 2
        assert told.count("succeeded") >= 2

        job = json.loads(shell(dev, "waterclock job create shop/often shop.restock --cron '* * * * * *' --json"))
        run = dev.until(lambda: ended_by_schedule(dev, job["id"]))
        assert (run["status"], run["result"]) == ("succeeded", "nothing is short")

        for file, key in (("reports.py", "reports.weekly"), ("shop/src/shop_jobs/__init__.py", "shop.weekly")):
            with (project / file).open("a") as code:
                code.write(f"\n\n@executor({key!r})\ndef weekly(ctx: RunContext) -> None: ...\n")
            dev.until(lambda key=key: key in executors(dev))


def test_what_the_readme_shows_is_on_the_page() -> None:
    (shown,) = [block.text for block in blocks() if "waterclock dev --executors reports.py" in block.text]
    there = "".join(block.text for block in blocks(PAGE))

    assert not [line for line in shown.splitlines() if line.startswith(("pip", "waterclock")) and line not in there]


def shell(dev: Installation, text: str) -> str:
    """What commands say in a terminal in which the environment is active."""
    path = f"{dev.folder / '.venv' / 'bin'}:{os.defpath}"
    env = clean_environment() | {"WATERCLOCK_API_URL": dev.record.api, "PATH": path}
    return ran("bash", "-ec", text, folder=dev.folder, env=env)


def executors(dev: Installation) -> set[str]:
    return {one["key"] for one in dev.get("/executors")["items"]}


def ended_by_schedule(dev: Installation, job: str) -> dict[str, Any] | None:
    found = dev.get(f"/runs?jobId={job}&trigger=schedule&status=succeeded&status=failed&limit=1")["items"]
    return dev.get(f"/runs/{found[0]['id']}") if found else None
