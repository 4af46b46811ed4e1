"""What a child does to its own process does not keep its worker from hearing how it ended."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.integration.worker.shop import Shop
from tests.support import misbehaving_children as children
from waterclock.model.events import RunFailed, RunSucceeded
from waterclock.model.retry import RetryPolicy

ONCE = RetryPolicy(max_attempts=1)


async def test_whatever_a_child_does_to_its_own_process_its_result_is_told(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Once each: what is told after the function relies on nothing that it may have changed."""
    monkeypatch.setenv("WRITTEN", str(tmp_path / "own"))
    async with shop.worker(children.child, children.async_child, children.raising_child):
        ended = [await shop.run("states.child", {"name": name}, retry=ONCE) for name in children.WAYS]
        ended += [await shop.run("states.child.async", {"name": "drops_stdout"}, retry=ONCE)]
        failed = [await shop.run("states.child.raises", {"name": "closes_descriptors"}, retry=ONCE)]
        for run, name in zip(ended, [*children.WAYS, "drops_stdout"], strict=True):
            assert (await shop.event(RunSucceeded, run)).result == name
            lines = await shop.lines(run)
            told = [line for line in lines if "cannot be flushed" not in line]
            assert sorted(told) == ["before", "printed"], (name, lines)
            assert len(lines) - len(told) == (name == "odd_stdout"), (name, lines)
        for run in failed:
            error = (await shop.event(RunFailed, run)).error
            assert (error.type, error.message) == ("LookupError", "closes_descriptors")
    sizes = {entry.stat().st_size for entry in os.scandir(tmp_path)}
    assert sizes == {0}  # none of our words is in a file of its own
