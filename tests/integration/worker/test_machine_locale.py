"""A worker on a machine that speaks no UTF-8: what its executors print, log, raise and return is stored whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.worker.shop import Process, Shop
from tests.support.locales import ASCII, latin_1
from waterclock.model.events import RunFailed, RunSucceeded
from waterclock.model.retry import RetryPolicy

TEXT = "prüfung ☕"
EXECUTORS = f"""
import logging
import sys

from waterclock import GiveUp, RunContext, executor


def say(ctx: RunContext) -> str:
    print("{TEXT}")
    print("{TEXT}", file=sys.stderr)
    logging.getLogger("of.theirs").warning("{TEXT}")
    ctx.log("{TEXT}")
    return "{TEXT}"


@executor("t.async")
async def in_loop(ctx: RunContext) -> str:
    return say(ctx)


@executor("t.thread")
def in_thread(ctx: RunContext) -> str:
    return say(ctx)


@executor("t.child", subprocess=True)
def in_child(ctx: RunContext) -> str:
    return say(ctx)


@executor("t.fails")
async def fails(ctx: RunContext) -> None:
    raise GiveUp("{TEXT}")
"""


@pytest.mark.parametrize("name", ["ascii", "latin-1"])
async def test_text_is_stored_as_it_is_whatever_the_machine_is_set_to(shop: Shop, tmp_path: Path, name: str) -> None:
    machine = ASCII if name == "ascii" else latin_1(tmp_path)
    (tmp_path / "ours.py").write_text(EXECUTORS, "utf-8")
    process = await Process.start(shop, "--executors", str(tmp_path / "ours.py"), **machine)
    try:
        await process.says("ready")
        for target in ("t.async", "t.thread", "t.child"):
            run = await shop.run(target, retry=RetryPolicy(max_attempts=1))
            assert (await shop.event(RunSucceeded, run)).result == TEXT
            assert [line for line in await shop.lines(run) if line.endswith(TEXT)] == 4 * [TEXT], target
        failed = await shop.event(RunFailed, await shop.run("t.fails"))
        assert (failed.error.type, failed.error.message) == ("GiveUp", TEXT)
    finally:
        await process.kill()
    assert "Traceback" not in "".join(process.output)
