"""`waterclock demo` and `waterclock bench`, as a newcomer runs them."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.installation import clean_environment

PATIENCE = 110.0  # s


def run(*arguments: str, timeout: float, **settings: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "waterclock.cli", *arguments]
    env = {**clean_environment(), **settings}
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=timeout, check=False)


def test_the_demo_shows_runs_accounts_for_every_instant_and_restores_its_backup(tmp_path: Path) -> None:
    done = run("demo", timeout=PATIENCE, TMPDIR=str(tmp_path))

    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("fired for") >= 3
    assert "requested (manual)" in done.stdout
    assert "this run changed" not in done.stdout
    assert "none is missing, none is double" in done.stdout
    assert re.search(r"\d bytes, SHA-256 \w+…: as its manifest says", done.stdout)
    compared = re.search(r"every column of every row: (\d+) tables, (\d+) rows, no difference", done.stdout)
    assert compared is not None, done.stdout
    assert done.stdout.count(" same\n") == int(compared[1]) > 10
    assert int(compared[2]) > 50
    assert list(tmp_path.iterdir()) == []


def test_a_demo_that_cannot_go_on_says_why_and_leaves_nothing_behind(tmp_path: Path) -> None:
    done = run("demo", timeout=60, TMPDIR=str(tmp_path), WATERCLOCK_QUEUE_WEIGHTS="default=heavy")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "the demo failed: migrate exited with 2" in done.stdout
    assert "WATERCLOCK_QUEUE_WEIGHTS: 'default=heavy' is not name=weight" in done.stdout
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("part", "yardstick"),
    [
        ("drain", "bare"),
        ("judge", "bare"),
        pytest.param("latency", "bare", marks=pytest.mark.soak),
        pytest.param("backup", "by hand", marks=pytest.mark.soak),
    ],
)
def test_a_quick_bench_says_what_it_measured_beside_the_bare_figure(part: str, yardstick: str) -> None:
    done = run("bench", part, "--quick", timeout=90)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "machine: " in done.stdout
    assert yardstick in done.stdout
    assert "budget" in done.stdout


@pytest.mark.soak
def test_a_quick_bench_of_delayed_runs_says_how_late_they_start() -> None:
    done = run("bench", "delayed", "--quick", timeout=90)
    assert done.returncode == 0, done.stdout + done.stderr
    for figure in ("ready → executor starts", "end of a run → the next one"):
        assert re.search(figure + r" +\d+\.\d\d +\d+\.\d\d$", done.stdout, re.MULTILINE)


@pytest.mark.soak
def test_a_quick_bench_of_the_projection_says_how_fast_and_how_soon() -> None:
    done = run("bench", "project", "--quick", timeout=90)
    assert done.returncode == 0, done.stderr
    assert "bare events/s" in done.stdout
    assert "request → readable" in done.stdout


@pytest.mark.soak
def test_a_quick_bench_of_streams_delivers_to_all() -> None:
    done = run("bench", "sse", "--quick", timeout=90)
    assert done.returncode == 0, done.stderr
    assert "deliveries/s" in done.stdout
    assert re.search(r"^  api +[1-9]", done.stdout, re.MULTILINE)


@pytest.mark.soak
def test_a_quick_bench_of_triggers_says_what_the_api_and_a_bare_handler_answer() -> None:
    done = run("bench", "trigger", "--quick", timeout=90)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"^  median +\d+ +\d+ +\d+%", done.stdout, re.MULTILINE)
    assert "of the bare handler" in done.stdout


@pytest.mark.soak
def test_a_quick_bench_of_access_says_what_each_kind_of_caller_costs() -> None:
    done = run("bench", "access", "--quick", timeout=90)
    assert done.returncode == 0, done.stdout + done.stderr
    for kind in ("nobody is asked", "key", "key, limits", "token, limits"):
        assert re.search(rf"^  {kind} +[1-9]\d* +\d+%", done.stdout, re.MULTILINE)


@pytest.mark.soak
def test_a_quick_bench_of_the_whole_path_says_what_went_through_and_what_each_process_took() -> None:
    done = run("bench", "path", "--quick", timeout=90)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"\d+ runs/s went through to the read models", done.stdout)
    if sys.platform == "linux":
        for process in ("api", "worker", "projector", "log", "postgres"):
            assert re.search(rf"^  {process} +\d+ µs CPU/run$", done.stdout, re.MULTILINE)


@pytest.mark.soak
def test_a_quick_bench_of_overviews_says_what_each_takes() -> None:
    done = run("bench", "overview", "--quick", timeout=240)
    assert done.returncode == 0, done.stdout + done.stderr
    kinds = re.findall(r"^  (strips|jobs-index|fires): .* \d+\.\d$", done.stdout, re.MULTILINE)
    assert kinds == [*["strips"] * 3, "jobs-index", *["fires"] * 2]


@pytest.mark.soak
@pytest.mark.browser
@pytest.mark.timeout(600)
def test_a_quick_bench_of_the_console_says_what_a_browser_takes_beside_a_bare_page() -> None:
    done = run("bench", "console", "--quick", timeout=580)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("bare: ") == 3
    shown = re.findall(r"^  (.+?)  +-?\d+\.\d (?:ms|kB|MiB|%|) .*: (?:met|missed)$", done.stdout, re.MULTILINE)
    assert len(shown) == 23, done.stdout


WITHOUT_PLAYWRIGHT = """
import runpy, sys
sys.modules["playwright"] = None
sys.argv = ["waterclock", "bench", "console", "--quick"]
runpy.run_module("waterclock.cli", run_name="__main__")
"""


def test_the_bench_of_the_console_says_what_it_lacks() -> None:
    command = [sys.executable, "-c", WITHOUT_PLAYWRIGHT]
    env = clean_environment()
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.returncode == 1
    assert "install the package playwright" in done.stderr.splitlines()[-1]

    done = run("bench", "console", "--quick", timeout=PATIENCE, WATERCLOCK_TEST_CHROMIUM="/nowhere")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == "Error: no browser: WATERCLOCK_TEST_CHROMIUM: /nowhere is no program"


@pytest.mark.soak
def test_a_quick_bench_of_traces_says_what_each_process_pays() -> None:
    done = run("bench", "tracing", "--quick", timeout=240)
    assert done.returncode == 0, done.stdout + done.stderr
    if sys.platform == "linux":
        for share in ("off", "1%", "100%"):
            assert re.search(rf"^  {share} +\d+ +\d+ +\d+ +\d+ +-?\d+$", done.stdout, re.MULTILINE)


@pytest.mark.soak
def test_a_quick_bench_of_the_schedule_says_how_late_it_decided() -> None:
    done = run("bench", "schedule", "--quick", timeout=90)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"^  1 +\d+ +\d+$", done.stdout, re.MULTILINE)
    assert re.search(r"taken over in \d+\.\d s; the scheduler held \d\.\d\d GiB", done.stdout)
    assert re.search(r"\d+ decisions, ms late: p50 \d+", done.stdout)


def test_a_quick_bench_of_the_cron_walk_says_what_a_next_instant_costs_beside_its_peers() -> None:
    done = run("bench", "cron", "--quick", timeout=90)
    assert done.returncode == 0, done.stderr
    row = next(line for line in done.stdout.splitlines() if line.startswith("  */5 * * * *"))
    assert all(float(figure) > 0 for figure in row.split()[-3:])
    assert "budget: at most 10 µs" in done.stdout
