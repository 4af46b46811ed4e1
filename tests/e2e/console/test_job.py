"""The Job screen in a browser: what became of a scheduled time, and a range made up for, by mouse and by keyboard."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from playwright.async_api import Locator, Page, Route, expect

from tests.e2e.console.conftest import Open
from tests.support.installation import Installation
from tests.support.watched import flaws

WIDE = {"width": 1440, "height": 1000}
SLOW = 20_000  # ms; two cores may have much else to do


@pytest.fixture(scope="module")
def job(installation: Installation) -> Iterator[dict[str, Any]]:
    """A job that fires each second, and has for longer than the five seconds that a cell of its picture holds."""
    made = installation.post(
        "jobs",
        {
            "jobName": "tides",
            "jobGroup": "harbour",
            "invokeTarget": "demo.noop",
            "cronExpression": "* * * * * *",
            "promise": {"startWithin": 90, "finishBy": "06:30"},
        },
    )

    def ran() -> bool:
        return len(installation.get(f"runs?jobId={made['id']}&status=succeeded")["items"]) > 8

    installation.until(ran)
    yield made
    installation.delete(f"jobs/{made['id']}")


async def opened(installation: Installation, open_page: Open, path: str, **options: Any) -> Page:
    page = await open_page(f"{installation.record.api}/console/{path}", **{"viewport": WIDE, **options})
    await expect(page.get_by_role("heading", level=1)).to_be_visible(timeout=SLOW)
    return page


def channel(page: Page) -> Locator:
    return page.get_by_role("grid")


async def filled(page: Page) -> None:
    """Until the channel has instants that fired."""
    await expect(channel(page)).to_have_attribute("aria-label", re.compile(r"\d+ fired"), timeout=SLOW)


@pytest.mark.parametrize(("scheme", "width"), [("dark", 1440), ("light", 320)])
async def test_axe_finds_nothing_on_a_job_and_its_explanation(
    installation: Installation, job: dict[str, Any], open_page: Open, scheme: str, width: int
) -> None:
    at = "2026-03-01T03:00:00Z"
    size = {"width": width, "height": 900}
    page = await opened(installation, open_page, f"jobs/{job['id']}?at={at}", color_scheme=scheme, viewport=size)
    await expect(page.get_by_role("complementary", name="Explanation")).to_contain_text("did not exist", timeout=SLOW)
    await expect(page.get_by_text("it starts within 1 min 30 s · it ends by 06:30")).to_be_visible()
    assert await flaws(page) == []
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.soak
async def test_why_there_was_no_run_is_three_keys_away(
    installation: Installation, job: dict[str, Any], open_page: Open
) -> None:
    page = await opened(installation, open_page, "")
    await page.keyboard.press("Control+k")
    await page.keyboard.type(f"{job['jobGroup']}/{job['jobName']} at yesterday 03:00")
    await expect(page.get_by_role("option")).to_have_count(1, timeout=SLOW)
    await page.keyboard.press("Enter")
    explanation = page.get_by_role("complementary", name="Explanation")
    await expect(explanation).to_contain_text("The job did not exist yet", timeout=SLOW)
    await expect(page.get_by_role("heading", level=1)).to_be_focused()
    await page.keyboard.press("Escape")
    await expect(explanation).to_have_count(0)


async def test_an_instant_is_explained_by_a_click_and_by_keys(
    installation: Installation, job: dict[str, Any], open_page: Open
) -> None:
    page = await opened(installation, open_page, f"jobs/{job['id']}")
    await filled(page)
    await channel(page).focus()
    await page.keyboard.press("[")
    await page.keyboard.press("Enter")
    explanation = page.get_by_role("complementary", name="Explanation")
    await expect(explanation).to_contain_text(re.compile("fired|undecided"), timeout=SLOW)
    await expect(channel(page)).to_be_focused()

    box = await page.locator("canvas").first.bounding_box()
    assert box is not None
    await page.mouse.click(box["x"] + 3, box["y"] + 3)  # an hour ago
    await expect(explanation).to_contain_text("before it existed", timeout=SLOW)
    assert "at=" in page.url
    await page.go_back()
    await expect(explanation).to_contain_text(re.compile("fired|undecided"), timeout=SLOW)


@asynccontextmanager
async def held(page: Page, pattern: str) -> AsyncGenerator[None]:
    """What is asked for by such an address is not answered until this ends."""
    free = asyncio.Event()

    async def hold(route: Route) -> None:
        await free.wait()
        await route.continue_()

    await page.route(pattern, hold)
    try:
        yield
    finally:
        free.set()


@pytest.mark.soak
async def test_what_is_known_already_is_not_waited_for(
    installation: Installation, job: dict[str, Any], open_page: Open
) -> None:
    page = await opened(installation, open_page, "jobs?q=tides")
    link = page.get_by_role("link", name="tides", exact=True)
    await expect(link).to_be_visible()
    async with held(page, "**/detail"):
        await link.click()  # the list has told its name and schedule
        await expect(page.get_by_role("heading", level=1)).to_have_text("harbour/tides")
        await filled(page)
        await channel(page).focus()
    await expect(page.get_by_text("Fires every second")).to_be_visible()
    await expect(channel(page)).to_be_focused()
    async with held(page, "**/schedules/preview"):
        await page.goto(f"{installation.record.api}/console/jobs/{job['id']}?span=day")
        await filled(page)  # how much of it is shown does not depend on how often it fires
    await expect(page.get_by_text("Fires every second")).to_be_visible()


@pytest.mark.soak
async def test_a_range_is_made_up_for_after_a_dry_run(
    installation: Installation, job: dict[str, Any], open_page: Open
) -> None:
    page = await opened(installation, open_page, f"jobs/{job['id']}")
    await filled(page)
    await channel(page).focus()
    for key in ("[", "Enter", "Shift+ArrowLeft"):
        await page.keyboard.press(key)
    await page.get_by_role("button", name="Backfill these…").click(timeout=SLOW)
    dialog = page.get_by_role("dialog", name="Backfill harbour/tides")
    confirm = dialog.get_by_role("button", name=re.compile(r"Request \d+ runs?"))
    await confirm.click(timeout=SLOW)
    await expect(page.get_by_role("main").get_by_text(re.compile(r"\d+ runs? (was|were) requested"))).to_be_visible(
        timeout=SLOW
    )
    installation.until(lambda: installation.get(f"runs?jobId={job['id']}&trigger=backfill")["items"])


@pytest.mark.soak
async def test_it_is_disabled_with_a_reason_and_enabled_again(
    installation: Installation, job: dict[str, Any], open_page: Open
) -> None:
    page = await opened(installation, open_page, f"jobs/{job['id']}")
    await page.get_by_role("button", name="Disable…").click(timeout=SLOW)
    await page.get_by_label("Reason").fill("low tide")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("main").get_by_text("low tide")).to_be_visible(timeout=SLOW)
    assert installation.get(f"jobs/{job['id']}")["status"] == "1"
    await page.get_by_role("button", name="Undo").click()
    await expect(page.get_by_role("main").get_by_text("It is enabled again.")).to_be_visible(timeout=SLOW)
    assert installation.get(f"jobs/{job['id']}")["status"] == "0"


@pytest.mark.soak
async def test_its_notices_are_muted_with_a_reason_and_unmuted_again(
    installation: Installation, job: dict[str, Any], open_page: Open
) -> None:
    page = await opened(installation, open_page, f"jobs/{job['id']}")
    await page.get_by_role("button", name="Mute…").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_label("Until tomorrow 08:00").check()
    await dialog.get_by_role("button", name="Mute", exact=True).click()
    await expect(dialog.get_by_label("Reason")).to_be_focused()  # nothing is muted without one
    assert installation.get(f"notices/mutes?jobId={job['id']}")["items"] == []
    await dialog.get_by_label("Reason").fill("INC-4711")
    await dialog.get_by_role("button", name="Mute", exact=True).click()

    muted = page.get_by_text(re.compile(r"Muted until .*08:00.* by anonymous@.*INC-4711"))
    await expect(muted).to_be_visible(timeout=SLOW)
    assert await flaws(page) == []
    await page.get_by_role("button", name="Unmute…").click()
    await page.get_by_role("dialog").get_by_role("button", name="Unmute", exact=True).click()
    await expect(muted).to_have_count(0, timeout=SLOW)
    (mute,) = installation.get(f"notices/mutes?jobId={job['id']}&all=true")["items"]
    assert (mute["inForce"], mute["reason"]) == (False, "INC-4711")
    await page.get_by_role("tab", name="History").click()
    await expect(page.get_by_text("ended a mute of its notices")).to_be_visible(timeout=SLOW)


@pytest.mark.soak
async def test_a_table_says_what_the_channel_shows(
    installation: Installation, job: dict[str, Any], open_page: Open
) -> None:
    page = await opened(installation, open_page, f"jobs/{job['id']}")
    await filled(page)
    await page.get_by_role("heading", level=1).focus()
    await page.keyboard.press("v")
    table = page.get_by_role("table", name=re.compile("tides: .* fired"))
    await expect(table.get_by_role("columnheader", name="succeeded")).to_be_visible(timeout=SLOW)
    await page.keyboard.press("v")
    await expect(channel(page)).to_be_visible()


@pytest.mark.soak
async def test_a_job_that_is_gone_says_who_deleted_it(installation: Installation, open_page: Open) -> None:
    made = installation.post(
        "jobs", {"jobName": "wreck", "jobGroup": "harbour", "invokeTarget": "demo.noop", "cronExpression": "0 3 * * *"}
    )
    installation.delete(f"jobs/{made['id']}?reason=sunk")
    page = await opened(installation, open_page, f"jobs/{made['id']}")
    await expect(page.get_by_role("heading", name="harbour/wreck")).to_be_visible(timeout=SLOW)
    await expect(page.get_by_text("sunk")).to_be_visible()
    page = await opened(installation, open_page, "jobs/nosuch")
    await expect(page.get_by_role("heading", name="No such job")).to_be_visible(timeout=SLOW)
