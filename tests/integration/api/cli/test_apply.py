"""`waterclock plan`, `apply` and `export` against a real API."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from tests.integration.api.cli.test_verbs_of_jobs import read, typed
from tests.integration.api.conftest import MakeRig
from tests.integration.api.rig import JOBS
from tests.integration.api.terminal import told
from waterclock.cli.job_files import OWNER
from waterclock.client.models import Job, Page

FILE = """
owner: sea
jobs:
  - {jobName: tide, jobGroup: demo, invokeTarget: demo.noop, cronExpression: 0 4 * * *, labels: {tier: gold}}
  - {jobName: ebb, jobGroup: demo, invokeTarget: demo.sleep, invokeParams: {seconds: 2}, misfirePolicy: 2, jitter: PT5S}
"""


async def test_a_file_is_planned_applied_exported_and_pruned(rig: MakeRig, tmp_path: Path) -> None:
    async with told(rig) as (story, terminal):
        await story.api.worker()
        path = tmp_path / "jobs.yaml"
        path.write_bytes(codecs.BOM_UTF16_LE + FILE.encode("utf-16-le"))
        file = ("-f", str(path))

        done = await typed(terminal, "plan", *file)
        assert done.output.splitlines()[0] == "+ demo/tide  create"
        assert "    scheduled times of the next 30 days: 0 now, 30 after; 30 added: " in done.output
        assert done.output.endswith("\n2 to create, 0 to change, 0 to delete, 0 unchanged\n")
        done = await typed(terminal, "apply", *file)
        assert done.output.endswith("\n2 done, 0 failed, 0 not tried\n")
        done = await typed(terminal, "apply", *file)
        assert done.output == "0 to create, 0 to change, 0 to delete, 2 unchanged\n0 done, 0 failed, 0 not tried\n"

        exported = tmp_path / "exported.yaml"
        await typed(terminal, "export", "--owner", "sea", "-o", str(exported))
        assert (await typed(terminal, "plan", "-f", str(exported))).output.endswith(", 2 unchanged\n")
        assert (await typed(terminal, "export")).output == exported.read_text()

        path.write_text(FILE.replace("0 4 * * *", "30 4 * * *").replace("ebb", "flood"))
        plan = read(await typed(terminal, "plan", *file, "--prune", "--json"))
        assert [(one["action"], one["name"]) for one in plan["changes"]] == [
            ("change", "demo/tide"),
            ("create", "demo/flood"),
            ("delete", "demo/ebb"),
        ]
        assert [field["pointer"] for field in plan["changes"][0]["fields"]] == ["/cronExpression"]
        fires = plan["changes"][0]["fires"]
        assert (fires["appear"], fires["vanish"]) == (30, 30)
        done = await typed(terminal, "apply", *file, "--reason", "spring tide")
        assert "? demo/ebb  is no longer in the file: unchanged\n" in done.output
        done = await typed(terminal, "apply", *file, "--prune", "--reason", "no ebb")
        assert done.output.endswith("\n1 done, 0 failed, 0 not tried\n")
        await story.api.caught_up()
        events = (await story.api.http.get("/v1/monitor/events?type=job")).json()["items"]
        assert {one["type"]: one.get("reason") for one in events} == {
            "job.created": None,
            "job.changed": "spring tide",
            "job.deleted": "no ebb",
        }
        names = {job["jobName"]: job["labels"] for job in (await story.api.http.get(JOBS)).json()["items"]}
        assert names == {"tide": {"tier": "gold", OWNER: "sea"}, "flood": {OWNER: "sea"}}


async def test_a_concurrent_edit_is_not_overwritten_and_the_rest_is_done(
    rig: MakeRig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with told(rig) as (story, terminal):
        await story.api.worker()
        path = tmp_path / "jobs.yaml"
        path.write_text(FILE)
        await typed(terminal, "apply", "-f", str(path))
        before = stale_jobs((await story.api.http.get(JOBS)).content)
        path.write_text(FILE.replace("gold", "iron").replace("seconds: 2", "seconds: 3"))

        # What `apply` reads is what was there before somebody edited tide: the API's list of that time.
        tide = read(await typed(terminal, "job", "edit", "demo/tide", "--set", "remark=by hand", "--json"))

        def read_before(*_: object) -> Iterator[Job]:
            return iter(before)

        monkeypatch.setattr("waterclock.client.http.Client.each", read_before)
        done = await typed(terminal, "apply", "-f", str(path), code=1)
        assert "change demo/tide: it was changed in the meantime (" in done.output
        assert done.output.endswith("\n1 done, 1 failed, 0 not tried\n")
        monkeypatch.undo()
        now = read(await typed(terminal, "job", "show", "demo/tide", "--json"))["job"]
        assert (now["version"], now["labels"]["tier"], now["remark"]) == (tide["version"], "gold", "by hand")
        assert read(await typed(terminal, "job", "show", "demo/ebb", "--json"))["job"]["invokeParams"] == {"seconds": 3}

        done = await typed(terminal, "apply", "-f", str(path))
        assert '    /remark  "by hand" → -\n' in done.output, "planned again, it is seen"


async def test_what_is_refused_is_told_and_what_is_wrong_with_the_file_is_usage(rig: MakeRig, tmp_path: Path) -> None:
    async with told(rig) as (story, terminal):
        await story.api.worker()
        path = tmp_path / "jobs.yaml"
        path.write_text(FILE.replace("demo.noop", "demo.nop"))
        done = await typed(terminal, "apply", "-f", str(path), code=1)
        assert "create demo/tide: /invokeTarget no worker has announced 'demo.nop'" in done.output
        assert done.output.endswith("\n1 done, 1 failed, 0 not tried\n")
        path.write_text(FILE.replace("demo.noop", "demo.nop").replace("misfirePolicy: 2", "queue: nowhere"))
        done = await typed(terminal, "apply", "-f", str(path), "--stop", code=1)
        assert done.output.endswith("\n0 done, 1 failed, 1 not tried\n")

        path.write_text("jobs: [{jobName: a, invokeTarget: b, misfirePolicy: 9}]")
        done = await typed(terminal, "plan", "-f", str(path), code=2)
        assert "/jobs/0/misfirePolicy" in done.output
        await typed(terminal, "plan", "-f", str(tmp_path / "none.yaml"), code=2)
        path.write_text("jobs: []")
        await typed(terminal, "plan", "-f", str(path), "--prune", code=2)


def stale_jobs(listed: bytes) -> list[Job]:
    return list(msgspec.json.decode(listed, type=Page[Job]).items)
