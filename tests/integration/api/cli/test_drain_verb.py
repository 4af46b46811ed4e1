"""`waterclock fleet drain` against workers that are processes."""

from __future__ import annotations

import asyncio
import signal
from typing import Any, cast

from tests.integration.api.cli.test_interrupts import started
from tests.integration.api.cli.test_verbs_of_jobs import read, typed
from tests.integration.api.conftest import MakeRig
from tests.integration.api.routes.test_drain import worker
from tests.integration.api.terminal import told
from waterclock.model.events import RunStarted, WorkerLeft


async def test_a_worker_is_asked_to_drain_and_what_it_still_runs_is_told(rig: MakeRig) -> None:
    async with told(rig) as (story, terminal), worker(story.api) as (process, shop):
        run = await story.api.ask(invokeTarget="demo.sleep", params={"seconds": 600})
        await shop.event(RunStarted, cast("Any", run))
        await story.api.caught_up()
        head, heads, row = (await typed(terminal, "fleet", "drain", "p", "--reason", "kernel")).output.splitlines()
        assert (head.split()[0], head.split(") ")[1]) == ("p", "is draining; it runs 1")
        assert heads.split() == ["run", "of", "worker", "started"]
        assert row.split()[:3] == [run, "demo.sleep", "p"]

        waiting = await started(terminal.url, "fleet", "drain", "p", "--wait")
        assert waiting.stdout is not None
        async with asyncio.timeout(60):
            await waiting.stdout.readline()
            await waiting.stdout.readline()
            await waiting.stdout.readline()
        waiting.send_signal(signal.SIGINT)
        _, said = await waiting.communicate()
        assert waiting.returncode == 130
        assert "the drain continues: `waterclock fleet workers` shows p until it has left" in said.decode()

        ending = await started(terminal.url, "fleet", "drain", "p", "--wait")
        assert ending.stdout is not None
        async with asyncio.timeout(60):
            await ending.stdout.readline()  # it has asked: there is nobody to ask once the worker has left
        await story.api.http.post(f"/v1/monitor/runs/{run}/cancel")
        told_of, _ = await ending.communicate()
        assert (ending.returncode, told_of.decode().splitlines()[-1].endswith(") has left")) == (0, True), told_of
        assert await process.ended() == 0
        assert (await shop.event(WorkerLeft)).reason == "drained"
        refused = await typed(terminal, "fleet", "drain", "p", code=1)
        assert "No live worker with the name or id p" in refused.output


async def test_who_waits_gets_what_became_of_it_as_json(rig: MakeRig) -> None:
    async with told(rig) as (story, terminal), worker(story.api) as (process, _):
        [one] = read(await typed(terminal, "fleet", "drain", "p", "--wait", "--json"))["items"]
        assert (one["name"], one["status"], one["running"]) == ("p", "left", 0)
        assert await process.ended() == 0
