"""What verbs print of a run that no live worker can take, in words and as JSON."""

from __future__ import annotations

import pytest

from tests.integration.api.cli.test_verbs_of_jobs import read, typed
from tests.integration.api.conftest import MakeRig
from tests.integration.api.rig import NOOP, SLEEP
from tests.integration.api.terminal import brief, told
from waterclock_api.validation import live_executors


@pytest.fixture(autouse=True)
def nothing_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_executors, "FRESH_FOR", -1.0)


async def test_verbs_of_runs_and_jobs_say_what_a_run_waits_for(rig: MakeRig) -> None:
    async with told(rig) as (story, terminal):
        api = story.api
        await api.worker(SLEEP, name="sleeper", announces=True)
        having = await api.worker(NOOP, name="having", announces=True)
        job = await api.create(jobName="nightly")
        run_id = await api.trigger(job["id"])
        await api.caught_up()
        for verb in (("run", "list"), ("run", "show", run_id), ("job", "show", "DEFAULT/nightly")):
            assert "waits for" not in (await typed(terminal, *verb)).output

        await having.leave()
        await api.caught_up()

        heads, row = (await typed(terminal, "run", "list")).output.splitlines()
        assert heads.endswith("worker  waits for")
        assert row.endswith("a worker with demo.noop")
        shown = read(await typed(terminal, "run", "show", run_id, "--json"))
        since = shown["waitsFor"]["since"]
        assert shown["waitsFor"] == {"executor": "demo.noop", "since": since}
        assert since > shown["requestedAt"]
        said = dict(line.split("  ", 1) for line in (await typed(terminal, "run", "show", run_id)).output.splitlines())
        assert said["waits for"].strip() == f"a worker of queue default with demo.noop, since {brief(since)}"
        assert "a worker with demo.noop" in (await typed(terminal, "job", "show", "DEFAULT/nightly")).output
        assert " queued (no worker has demo.noop)  " in (await typed(terminal, "job", "list")).output
        asked = await typed(terminal, "job", "trigger", "DEFAULT/nightly", "--overlap", "buffer_one")
        assert "note: no live worker of queue default has the executor demo.noop: its runs wait for one" in asked.output
        listed = read(await typed(terminal, "run", "list", "--json"))["items"][-1]
        assert listed["waitsFor"] == shown["waitsFor"]


async def test_verbs_of_the_fleet_say_who_has_which_executor_now(rig: MakeRig) -> None:
    async with told(rig) as (story, terminal):
        api = story.api
        await api.worker(SLEEP, name="sleeper", announces=True)
        having = await api.worker(NOOP, name="having", announces=True)
        await api.worker(SLEEP, NOOP, name="before")
        await api.caught_up()
        lines = (await typed(terminal, "fleet", "executors")).output.splitlines()[1:]
        assert [line.split()[:2] for line in lines] == [["demo.noop", "-"], ["demo.sleep", "demo:sleep"]]
        assert [line.split()[2] for line in lines] == ["before,having", "before,sleeper"]
        listed = {line.split()[0]: line for line in (await typed(terminal, "fleet", "workers")).output.splitlines()}
        assert " demo.noop  " in listed["having"]
        assert " demo.sleep,demo.noop (takes any run)  " in listed["before"]

        await having.leave()
        await api.caught_up()
        executors = read(await typed(terminal, "fleet", "executors", "--json"))["items"]
        assert {one["key"]: one["workers"] for one in executors} == {
            "demo.noop": ["before"],
            "demo.sleep": ["before", "sleeper"],
        }
