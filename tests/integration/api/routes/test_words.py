"""Words beside codes, over real stores: read in every place where codes are, stored and answered as codes."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.integration.api.cli.test_verbs_of_jobs import read, typed
from tests.integration.api.conftest import MakeRig
from tests.integration.api.rig import JOB, JOBS, Rig, served
from tests.integration.api.terminal import told
from tests.support.previous import previous_sources
from waterclock.log.commands.jobs import load_job
from waterclock.model.ids import JobId

WORDS = {"status": "disabled", "misfirePolicy": "runOnce", "concurrent": "allow"}
CODES = {"status": "1", "misfirePolicy": "2", "concurrent": "0"}
NUMBERS = {name: int(code) for name, code in CODES.items()}
EARLIER = """
import sys, msgspec
from waterclock.client.models import Detail, Job, Page
answers = msgspec.json.decode(sys.stdin.buffer.read(), type=dict[str, msgspec.Raw])
found = msgspec.json.decode(answers["list"], type=Page[Job]).items
found += (msgspec.json.decode(answers["one"], type=Job), msgspec.json.decode(answers["detail"], type=Detail).job)
print([(job.status, job.misfire_policy, job.concurrent) for job in found])
"""
"""Reads answers as the client of the release before does."""


def codes_of(job: Any) -> dict[str, str]:
    return {name: job[name] for name in CODES}


async def listed(api: Rig, status: str) -> list[str]:
    found = await api.http.get(JOBS, params={"status": status})
    assert found.status_code == 200, found.text
    return [job["jobName"] for job in found.json()["items"]]


async def test_words_and_numbers_are_stored_and_answered_as_codes(rig: MakeRig) -> None:
    async with rig() as api:
        await api.worker()
        for place, written in enumerate((WORDS, CODES, NUMBERS)):
            job = await api.create(jobName=f"job-{place}", **written)
            assert codes_of(job) == CODES
            stored = await load_job(api.log, JobId(job["id"]))
            assert stored is not None
            assert (stored.definition.status, stored.definition.misfire_policy, stored.definition.concurrent) == (
                "1",
                "2",
                "0",
            )
            same = await api.http.put(f"{JOBS}/{job['id']}", json=JOB | {"jobName": f"job-{place}"} | WORDS)
            assert (same.status_code, same.json()["version"]) == (200, 1), "nothing is changed by another spelling"


async def test_a_status_is_set_and_looked_for_by_word_code_or_number(rig: MakeRig) -> None:
    async with rig() as api:
        await api.worker()
        job = await api.create()
        await api.create(jobName="other")
        for written, answered in (("disabled", "1"), (0, "0"), ("1", "1"), ("enabled", "0"), (1, "1")):
            set_ = await api.http.put(f"{JOBS}/{job['id']}/status", json={"status": written})
            assert (set_.status_code, set_.json()["status"]) == (200, answered)
        assert await listed(api, "disabled") == await listed(api, "1") == ["nightly"]
        assert await listed(api, "enabled") == await listed(api, "0") == ["other"]
        wrong = await api.http.put(f"{JOBS}/{job['id']}/status", json={"status": "off"})
        assert wrong.json()["errors"] == [{"pointer": "/status", "message": 'must be "0"/"enabled" or "1"/"disabled"'}]
        outage = {"from": "2026-11-23T10:00:00Z", "to": "2026-11-23T14:30:00Z"}
        tried = await api.http.post(
            f"{JOBS}/{job['id']}/simulate", json=outage | {"definition": {"misfirePolicy": "runAll"}}
        )
        assert (tried.status_code, tried.json()["misfirePolicy"]) == (200, "1")


async def test_the_command_line_speaks_words_and_creates_jobs_that_run_once(rig: MakeRig, tmp_path: Path) -> None:
    async with told(rig) as (story, terminal):
        await story.api.worker()
        by_hand = read(await typed(terminal, "job", "create", "demo/tide", "demo.noop", "--json"))
        assert by_hand["misfirePolicy"] == "2"
        assert "misfirePolicy  runOnce" in (await typed(terminal, "job", "show", "demo/tide")).output.replace("   ", "")
        chosen = ("--set", "misfirePolicy=skip", "--set", "concurrent=allow", "--set", "status=disabled", "--json")
        assert codes_of(read(await typed(terminal, "job", "create", "demo/ebb", "demo.noop", *chosen))) == {
            "status": "1",
            "misfirePolicy": "3",
            "concurrent": "0",
        }
        path = tmp_path / "jobs.yaml"
        await typed(terminal, "export", "-o", str(path))
        written = path.read_text()
        assert [written.count(each) for each in ("misfirePolicy: runOnce", "misfirePolicy: skip")] == [1, 1]
        assert [written.count(each) for each in ("concurrent: forbid", "concurrent: allow")] == [1, 1]
        assert written.count("timezone: UTC") == 2
        assert written.count("status: disabled") == written.count("status:") == 1
        for code, word in (("2", "runOnce"), ("0", "allow"), ("1", "disabled")):
            path.write_text(written.replace(f": {word}\n", f": {code}\n"))
            assert (await typed(terminal, "plan", "-f", str(path))).output.endswith(", 0 to delete, 2 unchanged\n")
        path.write_text(written.replace("runOnce", "runAll"))
        assert '    /misfirePolicy  "runOnce" → "runAll"\n' in (await typed(terminal, "plan", "-f", str(path))).output


async def test_a_client_of_the_release_before_reads_the_answers(rig: MakeRig, tmp_path: Path) -> None:
    async with rig() as api:
        await api.worker()
        job = await api.create(**WORDS)
        answers = {
            name: (await api.http.get(f"{JOBS}{path}")).content
            for name, path in (("list", ""), ("one", f"/{job['id']}"), ("detail", f"/{job['id']}/detail"))
        }
        body = b"{%s}" % b",".join(b'"%s":%s' % (name.encode(), each) for name, each in answers.items())
        said = await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "-c", EARLIER],
            input=body,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(previous_sources(tmp_path))},
            capture_output=True,
            check=True,
        )
        assert said.stdout.decode().strip() == str([("1", "2", "0")] * 3)


async def test_what_the_release_before_stored_and_exported_keeps_its_meaning(rig: MakeRig, tmp_path: Path) -> None:
    """Its command line, against this API: jobs keep its defaults, and its files mean here what they meant there."""
    async with told(rig) as (story, terminal), served(story.api) as url:
        await story.api.worker()
        before = os.environ | {"WATERCLOCK_API_URL": url, "PYTHONPATH": os.pathsep.join(previous_sources(tmp_path))}

        async def earlier(*arguments: str) -> str:
            verb = [sys.executable, "-m", "waterclock.cli", *arguments]
            done = await asyncio.to_thread(subprocess.run, verb, env=before, capture_output=True, check=False)
            assert done.returncode == 0, done.stderr.decode()
            return done.stdout.decode()

        await earlier("job", "create", "old/nightly", "demo.noop", "--cron", "0 2 * * *")
        await earlier("job", "create", "old/paused", "demo.noop", "--set", "misfirePolicy=1", "--set", "concurrent=0")
        await earlier("job", "disable", "old/paused")
        await earlier("job", "edit", "old/nightly", "--set", "remark=by hand")
        jobs = {one["jobName"]: one for one in (await story.api.http.get(JOBS)).json()["items"]}
        assert {name: (*codes_of(one).values(), one["timezone"]) for name, one in jobs.items()} == {
            "nightly": ("0", "2", "1", "UTC"),
            "paused": ("1", "1", "0", "UTC"),
        }
        file = tmp_path / "old.yaml"
        file.write_text(await earlier("export"))
        assert "misfirePolicy: runAll" in file.read_text()
        assert (await typed(terminal, "plan", "-f", str(file))).output.endswith(", 0 to delete, 2 unchanged\n")
        codes = {": runAll": ": '1'", ": runOnce": ": '2'", ": allow": ": '0'", ": disabled": ": '1'"}
        for word, code in codes.items():  # as releases before that one wrote them
            assert word in file.read_text()
            file.write_text(file.read_text().replace(word, code))
        assert (await typed(terminal, "plan", "-f", str(file))).output.endswith(", 0 to delete, 2 unchanged\n")
        shown = (await typed(terminal, "job", "show", "old/paused")).output
        assert all(word in shown for word in ("disabled", "runAll", "allow"))
