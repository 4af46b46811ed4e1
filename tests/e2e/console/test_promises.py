"""How a promise is kept, on the screens of a job and of all jobs; what a notifier would judge is put into answers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.async_api import Page, Route, expect

from tests.e2e.console.conftest import Open
from tests.e2e.console.test_job import SLOW
from tests.support.installation import Installation
from tests.support.watched import flaws

SINCE = "2026-11-30T02:05:00.000Z"


@pytest.fixture(scope="module")
def job(installation: Installation) -> Iterator[dict[str, Any]]:
    promise = {"jobName": "prompt", "jobGroup": "promises", "invokeTarget": "demo.noop", "promise": {"runsAtMost": 60}}
    made = installation.post("jobs", promise)
    yield made
    installation.delete(f"jobs/{made['id']}")


async def judged(page: Page, job_id: str, standing: dict[str, Any]) -> None:
    """Answers as if a notifier had judged."""

    async def detail(route: Route) -> None:
        answer = await route.fetch()
        body = await answer.json()
        body["job"]["promiseStanding"] = standing
        await route.fulfill(response=answer, json=body)

    await page.route(f"**/v1/monitor/jobs/{job_id}/detail", detail)


async def test_a_job_says_since_when_its_promise_is_broken_and_by_which_run(
    installation: Installation, job: dict[str, Any], open_page: Open
) -> None:
    page = await open_page("about:blank")
    late = {"kind": "tooLong", "since": SINCE, "count": 1, "runId": "prompt-1", "instant": None, "due": SINCE}
    await judged(page, job["id"], {"state": "broken", "broken": [late], "nextDueAt": None})
    await page.goto(f"{installation.record.api}/console/jobs/{job['id']}")
    said = page.get_by_text("broken since")
    await expect(said).to_be_visible(timeout=SLOW)
    link = page.get_by_role("link", name="an attempt took too long")
    await expect(link).to_have_attribute("href", "runs/prompt-1")
    assert await flaws(page) == []


async def test_a_job_says_that_its_promise_is_kept(
    installation: Installation, job: dict[str, Any], open_page: Open
) -> None:
    page = await open_page("about:blank")
    await judged(page, job["id"], {"state": "kept", "broken": [], "nextDueAt": None})
    await page.goto(f"{installation.record.api}/console/jobs/{job['id']}")
    await expect(page.get_by_text("an attempt takes 1 min at most · kept")).to_be_visible(timeout=SLOW)


async def test_a_job_that_no_notifier_has_judged_says_so(
    installation: Installation, job: dict[str, Any], open_page: Open
) -> None:
    page = await open_page("about:blank")
    await judged(page, job["id"], {"state": "unjudged", "broken": [], "nextDueAt": None})
    await page.goto(f"{installation.record.api}/console/jobs/{job['id']}")
    await expect(page.get_by_text("not judged: no notifier runs")).to_be_visible(timeout=SLOW)


async def test_a_job_whose_promise_is_broken_needs_a_look(
    installation: Installation, job: dict[str, Any], open_page: Open
) -> None:
    page = await open_page("about:blank")

    async def index(route: Route) -> None:
        answer = await route.fetch()
        body = await answer.json()
        at = body["columns"]["id"].index(job["id"])
        columns = {name: [column[at]] for name, column in body["columns"].items()} | {"brokenSince": [SINCE]}
        await route.fulfill(response=answer, json={**body, "count": 1, "columns": columns})

    await page.route("**/v1/monitor/jobs-index", index)
    await page.goto(f"{installation.record.api}/console/jobs?group=promises")
    await expect(page.get_by_text("1 needs a look.").first).to_be_visible(timeout=SLOW)
    await expect(page.get_by_text("Promise broken").first).to_be_visible(timeout=SLOW)
