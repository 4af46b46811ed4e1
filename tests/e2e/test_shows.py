"""`waterclock demo` and `waterclock bench`, as a newcomer runs them."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support.installation import clean_environment

DEMO_LIMIT = 30.0  # s, installed


def run(*arguments: str, timeout: float, **settings: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "waterclock.cli", *arguments]
    env = {**clean_environment(), **settings}
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=timeout, check=False)


def test_the_demo_shows_runs_live_and_accounts_for_every_instant(tmp_path: Path) -> None:
    began = time.monotonic()
    done = run("demo", timeout=90, TMPDIR=str(tmp_path))
    took = time.monotonic() - began

    assert done.returncode == 0, done.stdout + done.stderr
    assert took <= DEMO_LIMIT, done.stdout
    assert done.stdout.count("fired for") >= 3
    assert "requested (manual)" in done.stdout
    assert "none is missing, none is double" in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_a_demo_that_cannot_go_on_says_why_and_leaves_nothing_behind(tmp_path: Path) -> None:
    done = run("demo", timeout=60, TMPDIR=str(tmp_path), WATERCLOCK_QUEUE_WEIGHTS="default=heavy")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "the demo failed: migrate exited with 2" in done.stdout
    assert "WATERCLOCK_QUEUE_WEIGHTS: 'default=heavy' is not name=weight" in done.stdout
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("part", ["drain", "latency"])
def test_a_quick_bench_says_what_it_measured_beside_the_bare_figure(part: str) -> None:
    done = run("bench", part, "--quick", timeout=90)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "machine: " in done.stdout
    assert "bare" in done.stdout
    assert "budget" in done.stdout
