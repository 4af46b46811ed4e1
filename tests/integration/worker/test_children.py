"""Child processes: how each end is told, and that nothing they start outlives them."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path

import pytest

from tests.integration.worker import samples
from tests.integration.worker.shop import PATIENCE, Shop, is_alive
from tests.integration.worker.test_liveness import a_process
from waterclock.model.events import RunCancelled, RunFailed, RunSucceeded, RunTimedOut, StepLogged
from waterclock.model.ids import RunId
from waterclock.model.retry import RetryPolicy
from waterclock_worker.execution.children import oom

ONCE = RetryPolicy(max_attempts=1)


async def pids(shop: Shop, run: RunId) -> list[int]:
    return [int(line.split()[1]) for line in await shop.lines(run) if line.startswith("pid ")]


async def ended(found: list[int]) -> None:
    """Wait until these processes are gone."""
    async with asyncio.timeout(PATIENCE):
        while any(map(is_alive, found)):  # noqa: ASYNC110 - nobody tells of the end of a stranger's child
            await asyncio.sleep(0.01)


@pytest.mark.parametrize(
    ("how", "kind", "message"),
    [
        ("exit", "ChildExit", "exit code 7"),
        ("vanish", "ChildExit", "exit code 0, but it reported no result"),
        ("crash", "ChildSignal", "SIGSEGV (11)"),
        ("kill", "ChildSignal", "SIGKILL (9)"),
    ],
)
async def test_a_child_that_dies_has_crashed_and_leaves_nothing_behind(
    shop: Shop, how: str, kind: str, message: str
) -> None:
    async with shop.worker(samples.child_leaves):
        run = await shop.run("t.child_leaves", {"text": how, "times": 2}, retry=ONCE)
        failed = await shop.event(RunFailed, run)
    assert failed.outcome == "crashed"
    assert (failed.error.type, failed.error.message) == (kind, message)
    left = await pids(shop, run)
    assert len(left) == 2
    assert not any(map(is_alive, left))


async def test_what_a_child_has_started_ends_with_it_also_when_it_succeeds(shop: Shop) -> None:
    async with shop.worker(samples.child_leaves):
        run = await shop.run("t.child_leaves", {"text": "return", "times": 3})
        await shop.event(RunSucceeded, run)
    left = await pids(shop, run)
    assert len(left) == 3
    assert not any(map(is_alive, left))


async def test_what_has_left_the_childs_session_dies_when_the_run_is_cancelled(shop: Shop) -> None:
    async with shop.worker(samples.child_leaves):
        run = await shop.run("t.child_leaves", {"text": "stay"})
        await shop.event(StepLogged, run)
        await shop.cancel(run)
        await shop.event(RunCancelled, run)
    [daemon] = await pids(shop, run)
    assert not is_alive(daemon)


async def test_a_child_that_ignores_its_timeout_is_killed_with_all_it_started(shop: Shop) -> None:
    async with shop.worker(samples.child_hang):
        run = await shop.run("t.child_hang", timeout=1, retry=ONCE)
        timed_out = await shop.event(RunTimedOut, run)
    assert timed_out.error.type == "Timeout"
    for pid in await pids(shop, run):
        assert not is_alive(pid)


async def test_nothing_that_a_child_started_outlives_a_killed_worker(shop: Shop) -> None:
    async with a_process(shop) as process:
        run = await shop.run("t.child_leaves", {"text": "stay"})
        await shop.event(StepLogged, run)
        found = await pids(shop, run)
        process.signal(signal.SIGKILL)
        await ended(found)


async def test_a_child_that_may_not_have_the_memory_it_asks_for_has_failed(shop: Shop) -> None:
    async with shop.worker(samples.child_greedy):
        run = await shop.run("t.child_greedy", retry=ONCE)
        failed = await shop.event(RunFailed, run)
    assert (failed.outcome, failed.error.type) == ("failed", "MemoryError")


async def test_a_child_that_the_kernel_killed_for_want_of_memory_is_told_from_one_that_was_killed(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the kernel says is given, for a test cannot use up the memory of its machine."""
    readings = iter((4, 5, 5, 5))
    monkeypatch.setattr(oom, "killings", lambda: oom.Killings(next(readings), "in the worker's control group"))
    async with shop.worker(samples.child_leaves, slots=1):
        first = await shop.run("t.child_leaves", {"text": "kill", "times": 0}, retry=ONCE)
        other = await shop.run("t.child_leaves", {"text": "kill", "times": 0}, retry=ONCE)
        failed = await shop.event(RunFailed, first)
        assert failed.outcome == "crashed"
        assert failed.error.type == "ChildOutOfMemory"
        assert failed.error.message == (
            "SIGKILL (9); in the meantime the kernel killed 1 in the worker's control group: out of memory"
        )
        assert (await shop.event(RunFailed, other)).error.type == "ChildSignal"


async def test_a_child_has_nothing_to_read(shop: Shop) -> None:
    async with shop.worker(samples.child_reads):
        assert (await shop.event(RunSucceeded, await shop.run("t.child_reads"))).result == ""


def told(folder: Path, *, group: str | None, events: int | None, machine: int | None) -> oom.Killings | None:
    proc, cgroups = folder / "proc", folder / "cgroups"
    (proc / "self").mkdir(parents=True)
    if group is not None:
        (proc / "self" / "cgroup").write_text(f"5:memory:/x\n0::{group}\n")
    if events is not None:
        (cgroups / (group or "").lstrip("/")).mkdir(parents=True)
        (cgroups / (group or "").lstrip("/") / "memory.events").write_text(f"low 0\noom 9\noom_kill {events}\n")
    if machine is not None:
        (proc / "vmstat").write_text(f"nr_free_pages 12\noom_kill {machine}\n")
    return oom.killings(proc, cgroups)


async def test_the_kernels_count_is_that_of_the_group_or_else_of_the_machine(tmp_path: Path) -> None:
    group, machine = "in the worker's control group", "on the worker's machine"
    assert told(tmp_path / "1", group="/a/b", events=3, machine=8) == (3, group)
    assert told(tmp_path / "2", group="/", events=2, machine=8) == (2, group)
    assert told(tmp_path / "3", group="/", events=None, machine=8) == (8, machine)
    assert told(tmp_path / "4", group=None, events=None, machine=8) == (8, machine)
    assert told(tmp_path / "5", group=None, events=None, machine=None) is None
    assert oom.explained(oom.Killings(1, group), oom.Killings(2, machine)) is None
    assert oom.explained(None, oom.Killings(2, machine)) is None


async def test_a_child_speaks_utf8_and_imports_the_standard_library_wherever_it_starts(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("token", "queue", "signal", "email", "asyncio"):
        (tmp_path / f"{name}.py").write_text(f"raise RuntimeError('{name} of this folder')\n", "ascii")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])  # as `python -m waterclock.cli worker` has it
    for name, value in {"PYTHONIOENCODING": "latin-1", "PYTHONUTF8": "0", "LC_ALL": "C"}.items():
        monkeypatch.setenv(name, value)
    async with shop.worker(samples.child_says):
        run = await shop.run("t.child_says", {"text": "☕"}, retry=ONCE)
        done = await shop.event(RunSucceeded, run)
    assert done.result == ["utf-8", "utf-8"]
    assert await shop.lines(run) == ["☕"]
