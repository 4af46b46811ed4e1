"""Ctrl-C: exit code 130, and how to go on."""

from __future__ import annotations

import asyncio
import os
import signal
import sys

from tests.integration.api.cli.test_verbs_of_jobs import read, typed
from tests.integration.api.conftest import MakeRig
from tests.integration.api.rig import Rig
from tests.integration.api.terminal import told
from tests.support.waiting import until


async def started(url: str, *words: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "waterclock.cli", *words),
        env={**os.environ, "WATERCLOCK_API_URL": url, "TZ": "UTC", "PYTHONUNBUFFERED": "1"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


async def interrupted(api: Rig, url: str, *words: str) -> tuple[int | None, str, str]:
    """A verb as a process, stopped by SIGINT once the API serves it a stream."""
    process = await started(url, *words)

    async def followed() -> bool:
        return api.parts.hub.subscriptions > 0

    await until(followed, within=60, what="a stream")
    process.send_signal(signal.SIGINT)
    out, said = await asyncio.wait_for(process.communicate(), 60)

    async def left() -> bool:
        return api.parts.hub.subscriptions == 0

    await until(left, within=60, what="the end of the stream")
    return process.returncode, out.decode(), said.decode()


async def test_who_stops_following_a_run_is_told_that_it_goes_on(rig: MakeRig) -> None:
    async with told(rig) as (story, terminal):
        await story.api.worker()
        await typed(terminal, "job", "create", "demo/tide", "demo.noop", "--set", "concurrent=0")
        for option in ("--follow", "--wait"):
            code, _, said = await interrupted(story.api, terminal.url, "job", "trigger", "demo/tide", option)
            await story.api.caught_up()
            run_id = read(await typed(terminal, "run", "list", "--limit", "1", "--json"))["items"][0]["id"]
            how = f"follow it with `waterclock run follow {run_id}`, stop it with `waterclock run cancel {run_id}`"
            assert (code, said) == (130, f"\nrun {run_id} continues: {how}\n")


async def test_a_tail_ends_without_a_word(rig: MakeRig) -> None:
    async with told(rig) as (story, terminal):
        assert await interrupted(story.api, terminal.url, "tail", "--json") == (130, "", "\n")


async def test_a_tail_names_the_jobs_of_its_events(rig: MakeRig) -> None:
    async with told(rig) as (story, terminal):
        await story.api.worker()
        await typed(terminal, "job", "create", "demo/tide", "demo.noop")
        run_id = (await typed(terminal, "job", "trigger", "demo/tide")).output.strip()
        alone = (await typed(terminal, "run", "start", "demo.noop")).output.strip()
        process = await started(terminal.url, "tail", "--after", "0", "--type", "run")
        assert process.stdout is not None
        async with asyncio.timeout(60):
            lines = [(await process.stdout.readline()).decode() for _ in range(2)]
        process.send_signal(signal.SIGINT)
        await process.communicate()
        assert [line.split("  ", 1)[1] for line in lines] == [
            f"demo/tide  {run_id}  requested (manual)\n",
            f"demo.noop  {alone}  requested (manual)\n",
        ]
