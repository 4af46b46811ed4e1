"""The first screen in a browser: what needs a person and how it is mended, the river, and what is away."""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable, Iterator
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from playwright.async_api import Locator, Page, Route, expect

from tests.e2e.console.conftest import Open
from tests.e2e.console.narrowed import narrow
from tests.support.installation import Installation
from tests.support.relay import Relay
from tests.support.watched import Watched, flaws

JOB = {"jobGroup": "locks", "jobName": "sluice", "cronExpression": "0 4 * * *"}
NAME = "locks/sluice"
EMPTY: dict[str, Any] = {"at": "2026-11-30T12:00:00.000Z", "count": 0, "more": False, "columns": {"id": []}}


@pytest.fixture(scope="module")
def failed(installation: Installation) -> Iterator[str]:
    """The id of a run that failed, of a job that is due once a day."""
    stuck = {"message": "the sluice is stuck"}  # an error of its own: jobs with one and the same are told as one
    job = installation.post("jobs", {**JOB, "invokeTarget": "demo.fail", "invokeParams": stuck})
    run = installation.post(f"jobs/{job['id']}/trigger")["runId"]
    installation.ended_run(run)
    yield run
    installation.delete(f"jobs/{job['id']}")


async def opened(open_page: Open, url: str, search: str = "", **options: Any) -> Page:
    page = await open_page(f"{url}/console/{search}", **options)
    await expect(page.get_by_role("heading", level=1)).to_have_text("The clock runs.")
    return page


def answers(changed: Callable[[dict[str, Any]], dict[str, Any]]) -> Callable[[Route], Awaitable[None]]:
    """Let a request through, and change what is answered."""

    async def handle(route: Route) -> None:
        answer = await route.fetch()
        await route.fulfill(response=answer, json=changed(await answer.json()))

    return handle


def needs(page: Page) -> Locator:
    return page.get_by_role("region", name="What needs you").get_by_role("listitem")


@pytest.mark.parametrize(
    ("scheme", "width", "search"),
    [("dark", 1440, ""), ("light", 320, ""), pytest.param("light", 1440, "?table=true", marks=pytest.mark.soak)],
)
async def test_axe_finds_nothing_and_nothing_is_cut(
    installation: Installation, failed: str, open_page: Open, scheme: str, width: int, search: str
) -> None:
    size = {"width": width, "height": 900}
    page = await opened(open_page, installation.record.api, search, color_scheme=scheme, viewport=size)
    await expect(needs(page).filter(has_text=NAME)).to_be_visible()
    if search:
        await expect(page.get_by_role("table", name="Runs that ended").get_by_role("row").nth(1)).to_be_visible()
    else:
        await expect(page.get_by_role("slider")).to_be_visible()
    assert await flaws(page) == []
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.soak
async def test_a_job_that_failed_leads_to_its_run(installation: Installation, failed: str, open_page: Open) -> None:
    page = await opened(open_page, installation.record.api)
    line = needs(page).filter(has_text=NAME)
    await expect(line).to_contain_text("did not succeed at its last run")
    await line.get_by_role("link", name="Open the run").click()
    await expect(page).to_have_url(re.compile(f"/runs/{failed}$"))
    await page.go_back()
    await expect(line).to_be_visible()


@pytest.mark.soak
async def test_a_page_has_its_times_in_one_zone_and_names_it(installation: Installation, open_page: Open) -> None:
    other = {"message": "of its own, so that it is told by itself"}
    far = {**JOB, "jobName": "far", "invokeTarget": "demo.fail", "invokeParams": other, "timezone": "Asia/Tokyo"}
    job = installation.post("jobs", far)
    ended = installation.ended_run(installation.post(f"jobs/{job['id']}/trigger")["runId"])["finishedAt"]
    try:
        page = await opened(open_page, installation.record.api, timezone_id="Pacific/Chatham")
        bar = page.get_by_role("banner")
        when = needs(page).filter(has_text="locks/far").get_by_role("time")
        for zone in ("Pacific/Chatham", "UTC"):
            await expect(bar.get_by_role("button", name=zone)).to_be_visible()
            await expect(when).to_have_text(
                datetime.fromisoformat(ended).astimezone(ZoneInfo(zone)).strftime("%H:%M:%S")
            )
            await page.keyboard.press("z")
        await page.goto(f"{installation.record.api}/console/jobs/{job['id']}")
        await expect(bar.get_by_role("button", name="Asia/Tokyo")).to_be_visible()
        through = page.get_by_role("region", name="Waterline").get_by_role("time")
        at = datetime.fromisoformat(await through.get_attribute("datetime") or "").astimezone(ZoneInfo("Asia/Tokyo"))
        await expect(through).to_have_text(re.compile(f"^{at:%H}:"))
    finally:
        installation.delete(f"jobs/{job['id']}")


@pytest.mark.soak
async def test_why_there_was_no_run_is_three_clicks_away(
    installation: Installation, failed: str, open_page: Open
) -> None:
    page = await opened(open_page, installation.record.api)
    await page.get_by_role("button", name="Go to a job or run").click()
    await page.get_by_role("combobox").fill(f"explain {NAME} at yesterday 03:00")
    await page.get_by_role("option", name=NAME).click()
    explanation = page.get_by_role("complementary", name="Explanation")
    await expect(explanation).to_contain_text("The job did not exist yet")


@pytest.mark.soak
async def test_a_paused_queue_shows_by_itself_and_is_resumed_by_key(
    installation: Installation, failed: str, open_page: Open
) -> None:
    page = await opened(open_page, installation.record.api)
    line = needs(page).filter(has_text="Queue default is paused")
    installation.post("queues/default/pause")
    try:
        await expect(line).to_be_visible()
        resume = line.get_by_role("button", name="Resume…")
        while not await resume.evaluate("one => one === document.activeElement"):
            await page.keyboard.press("j")
        await page.keyboard.press("Enter")
        dialog = page.get_by_role("dialog", name="Resume queue default")
        await dialog.get_by_label("Reason").focus()
        await page.keyboard.type("the flood is over")
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("main").get_by_text("Queue default is resumed")).to_be_visible()
        await expect(line).to_have_count(0)
        assert not any(queue["paused"] for queue in installation.get("queues")["items"])
    finally:
        installation.post("queues/default/resume")


@pytest.mark.soak
async def test_the_river_is_read_by_keys(installation: Installation, failed: str, open_page: Open) -> None:
    page = await open_page("about:blank")
    await narrow(page, JOB["jobGroup"])
    await page.goto(f"{installation.record.api}/console/")
    river = page.get_by_role("slider", name=re.compile("The river"))
    await expect(river).to_have_attribute("aria-label", re.compile(r"\b1 run ended, 1 of them failed"))
    await river.focus()
    for _ in range(2):  # it is the only one, and may have ended in the same half minute
        await page.keyboard.press("ArrowLeft")
        await expect(river).to_have_attribute("aria-valuetext", re.compile("locks/sluice failed"))
    await page.keyboard.press("Enter")
    await expect(page).to_have_url(re.compile(f"/runs/{failed}$"))
    await page.goto(f"{installation.record.api}/console/")
    await expect(page.get_by_role("slider")).to_be_visible()
    await page.keyboard.press("v")
    await expect(page.get_by_role("table", name="What is due").or_(page.get_by_text("Nothing is due."))).to_be_visible()
    await expect(page.get_by_role("table", name="Runs that ended").get_by_role("link", name=NAME)).to_be_visible()
    assert "table=true" in page.url


@pytest.mark.soak
async def test_without_the_api_it_says_since_when_and_recovers(
    installation: Installation, failed: str, open_page: Open, watched: Watched
) -> None:
    port = int(installation.record.api.rpartition(":")[2])
    async with Relay(port) as relay:
        page = await opened(open_page, f"http://127.0.0.1:{relay.port}", color_scheme="dark")
        await expect(needs(page).filter(has_text=NAME)).to_be_visible()
        relay.shut()
        await expect(page.get_by_role("heading", level=1)).to_have_text(re.compile(r"No news since \d\d:\d\d:\d\d\."))
        await expect(needs(page).filter(has_text=NAME)).to_be_visible()  # what was known stays
        assert await flaws(page) == []
        relay.admit()
        await expect(page.get_by_role("heading", level=1)).to_have_text("The clock runs.")
        await open_page.close()
    watched.overlook("ERR_")


@pytest.mark.soak
async def test_what_is_away_is_said_and_commands_are_off(
    installation: Installation, failed: str, open_page: Open
) -> None:
    page = await opened(open_page, installation.record.api, viewport={"width": 1440, "height": 900})
    flaw = {"pointer": "redis", "message": "does not answer"}
    problem = {"type": "/problems#unready", "title": "Not ready", "detail": "redis", "errors": [flaw]}
    paused = answers(lambda body: {**body, "items": [{**one, "paused": True} for one in body["items"]]})
    await page.route("**/readyz", lambda route: route.fulfill(status=503, body=json.dumps(problem)))
    await page.route("**/v1/monitor/queues", paused)
    await page.reload()
    await expect(page.get_by_role("region", name="What is away")).to_contain_text("Redis is away since")
    await expect(page.get_by_role("heading", level=1)).to_have_text("The clock stands.")
    resume = needs(page).get_by_role("button", name="Resume…").first
    await expect(resume).to_have_attribute("aria-disabled", "true")
    await expect(resume).to_have_accessible_description(re.compile("Redis is away"))
    assert await flaws(page) == []
    await page.unroute("**/readyz")
    await expect(page.get_by_role("region", name="What is away")).to_have_count(0)
    await expect(page.get_by_role("heading", level=1)).to_have_text("The clock runs.")


@pytest.mark.soak
async def test_a_new_installation_is_told_three_steps_and_a_wrong_clock(
    installation: Installation, open_page: Open
) -> None:
    page = await opened(open_page, installation.record.api, color_scheme="light")

    def later(me: dict[str, Any]) -> dict[str, Any]:
        now = datetime.fromisoformat(me["now"]) + timedelta(hours=1)
        return {**me, "now": now.isoformat()}

    await page.route("**/v1/monitor/me", answers(later))
    await page.route("**/v1/monitor/jobs-index", lambda route: route.fulfill(json=EMPTY))
    await page.reload()
    await expect(page.get_by_role("heading", name="Three steps to a first run")).to_be_visible()
    await expect(page.get_by_text(re.compile(r"clock of this browser is (1 h|59 min.*|1 h .*) behind"))).to_be_visible()
    assert await flaws(page) == []


@pytest.mark.soak
async def test_who_may_only_list_sees_what_is_not_proved(
    installation: Installation, failed: str, open_page: Open
) -> None:
    page = await opened(open_page, installation.record.api)
    await page.route("**/v1/monitor/me", answers(lambda me: {**me, "scopes": ["list"]}))
    await page.reload()
    await expect(page.get_by_text("The ledger is not proved. Needs the scope query")).to_be_visible()
    button = needs(page).filter(has_text=NAME).get_by_role("button", name="Open the run")
    await expect(button).to_have_accessible_description(re.compile("Needs the scope query"))
