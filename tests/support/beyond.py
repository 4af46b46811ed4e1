"""What an earlier release let in and this one refuses where it is written: it goes on as long as it stays as it is."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any, NamedTuple

import click
import httpx
import msgspec
from click.testing import CliRunner, Result

from tests.support import waiting
from tests.support.byhand import put_in
from tests.support.earlier import DEPTH
from waterclock.cli.main import main
from waterclock.log.client import Log
from waterclock.model.definition import Definition

WITHIN = 60.0  # s
JOBS: dict[str, dict[str, str]] = {
    "blanks around": {"jobName": "  padded "},
    "plain": {"jobName": "twin"},
    "with what is not seen": {"jobName": "twi\u200bn"},
    "composed": {"jobName": "caf\u00e9"},
    "decomposed": {"jobName": "cafe\u0301"},
    "a slash in the name": {"jobGroup": "a", "jobName": "b/c"},
    "a slash in the group": {"jobGroup": "a/b", "jobName": "c"},
    "a line's end": {"jobName": "nel\u0085x", "remark": "one\u0085two", "cronExpression": "0 0 1 1 FR\u0131"},
}
"""`twin` and what looks the same, the two of `café`, and of `a/b/c`: they could not be made beside one another now."""
REASON = "a result that is too deep by now"
OLD_LABEL = {"team": " sea\u0085 "}


class Stored(NamedTuple):
    jobs: dict[str, str]  # id by what is odd about it
    deep: str  # the run with a deep result


async def store(log: Log, url: str) -> Stored:
    """Put the jobs into the log as they were then, and have a worker return what was kept then."""
    async with _api(url) as http:
        jobs: dict[str, str] = {
            what: await put_in(
                log, msgspec.convert({"invokeTarget": "demo.noop", "labels": OLD_LABEL, **members}, Definition)
            )
            for what, members in JOBS.items()
        }
        asked = await http.post("/runs", json={"invokeTarget": "earlier.deep", "reason": REASON})
        assert asked.status_code == 202, asked.text
        stored = Stored(jobs, asked.json()["runId"])

        async def there() -> bool:
            known = [(await http.get(f"/jobs/{job_id}")).status_code for job_id in jobs.values()]
            run = await http.get(f"/runs/{stored.deep}")
            return {*known} == {200} and run.json().get("status") == "succeeded"

        await waiting.until(there, within=WITHIN, what="what was stored can be read")
    return stored


async def goes_on(url: str, stored: Stored, folder: Path) -> None:
    """Read, edited, written back, disabled, applied from a file, and deleted under this release."""
    async with _api(url) as http:
        run = (await http.get(f"/runs/{stored.deep}")).json()
        assert json.dumps(run["result"]) == "[" * DEPTH + "]" * DEPTH
        for what, job_id in stored.jobs.items():
            job = (await http.get(f"/jobs/{job_id}")).json()
            assert {**job, **JOBS[what], "labels": OLD_LABEL} == job, what
            for body in (job, job | {"queue": "low"}):
                edited = await http.put(f"/jobs/{job_id}", json=body)
                assert edited.status_code in {200, 202}, (what, edited.text)
            for status in ("1", "0"):
                switched = await http.put(f"/jobs/{job_id}/status", json={"status": status})
                assert switched.status_code in {200, 202}, (what, switched.text)
        await _by_verbs(url, http, stored, folder / "beyond.yaml")
        await _given_up(http, stored)


async def _by_verbs(url: str, http: httpx.AsyncClient, stored: Stored, file: Path) -> None:
    exported = await _typed(url, "export", *stored.jobs.values(), "-o", f"{file}")
    assert exported.exit_code == 0, exported.output
    same = await _typed(url, "plan", "-f", f"{file}", "--json")
    assert (same.exit_code, json.loads(same.output)) == (0, {"changes": [], "same": len(JOBS), "zonesKept": 0})
    await asyncio.to_thread(_put_all_on, file, "critical")
    applied = await _typed(url, "apply", "-f", f"{file}")
    assert applied.output.endswith(f"{len(JOBS)} done, 0 failed, 0 not tried\n"), applied.output
    for what in ("a slash in the name", "a slash in the group"):
        both = await _typed(url, "job", "delete", "a/b/c", "--yes")
        assert both.exit_code == 1, both.output
        assert stored.jobs[what] in both.output
    for what in ("plain", "blanks around", "with what is not seen", "composed", "decomposed", "a line's end"):
        shown = await _typed(url, "job", "show", f"DEFAULT/{JOBS[what]['jobName']}", "--json")
        assert json.loads(shown.output)["job"]["id"] == stored.jobs[what], what
    gone = await http.delete(f"/jobs/{stored.jobs['a slash in the name']}")
    assert gone.status_code in {202, 204}

    async def meant() -> bool:
        shown = await _typed(url, "job", "show", "a/b/c", "--json")
        return shown.exit_code == 0 and json.loads(shown.output)["job"]["id"] == stored.jobs["a slash in the group"]

    await waiting.until(meant, within=WITHIN, what="the only job that can be meant is found")


def _put_all_on(file: Path, queue: str) -> None:
    file.write_text(file.read_text().replace("queue: low", f"queue: {queue}"))


async def _given_up(http: httpx.AsyncClient, stored: Stored) -> None:
    """Names that look like one that is borne are taken; they are free once it is deleted, and odd ones are refused."""
    for first, second, name in (("plain", "with what is not seen", "twin"), ("composed", "decomposed", "caf\u00e9")):
        for what, code in ((first, {409}), (second, {201, 202})):
            gone = await http.delete(f"/jobs/{stored.jobs[what]}")
            assert gone.status_code in {202, 204}, gone.text
            made = await http.post("/jobs", json={"jobName": name, "invokeTarget": "demo.noop"})
            assert made.status_code in code, (what, made.text)
    for what in ("blanks around", "a slash in the group", "a line's end"):
        gone = await http.delete(f"/jobs/{stored.jobs[what]}")
        assert gone.status_code in {202, 204}, gone.text
        again = await http.post("/jobs", json={"invokeTarget": "demo.noop", **JOBS[what]})
        assert again.status_code == 422, (what, again.text)


async def _typed(url: str, *words: str) -> Result:
    verb: click.Command = main
    runner = CliRunner(env={"WATERCLOCK_API_URL": url})
    return await asyncio.to_thread(runner.invoke, verb, list(words))


def _api(url: str) -> Any:
    return httpx.AsyncClient(base_url=f"{url}/v1/monitor", timeout=30)
