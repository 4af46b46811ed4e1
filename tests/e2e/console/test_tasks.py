"""What people open the console for, from its first screen on: each by mouse and by keyboard alone, in few steps.

Counted is what chooses something: a click, a drag, a key. What only moves (the pointer, Tab, an arrow, j) is not, nor
what is typed in a field.
"""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from playwright.async_api import Locator, Page, expect

from tests.e2e.console.conftest import Open
from tests.e2e.console.fleet import ALL_BUT_TWO, enabled
from tests.e2e.console.narrowed import narrow
from tests.support.installation import Installation

WIDE = {"width": 1440, "height": 1000}
GROUP = "tasks"
DAM = "the dam of the tasks gave way"
MOST_MOVES = 60
LAST_NIGHT = "yesterday 02:00 to 06:00"


@pytest.fixture
def clock(installation: Installation) -> Iterator[dict[str, Any]]:
    """A job of each hour, which did not exist until now."""
    yield from kept(installation, "clock", "demo.noop", cronExpression="0 * * * *")


@pytest.fixture(scope="module")
def ripples(installation: Installation) -> Iterator[dict[str, Any]]:
    """A job whose runs go on until they are cancelled, and write ten lines a second."""
    for job in kept(installation, "ripples", "tides.tell", invokeParams={"every": 0.1}):
        run = installation.post(f"jobs/{job['id']}/trigger")["runId"]
        installation.until(lambda run=run: installation.get(f"runs/{run}")["status"] == "running")
        yield {**job, "run": run}
        installation.post(f"runs/{run}/cancel")
        installation.ended_run(run)


@pytest.fixture
def broken(installation: Installation) -> Iterator[dict[str, Any]]:
    """A job of which a run succeeded, and the one after it failed, with other parameters."""
    for job in kept(installation, "dam", "tides.tell"):
        for params in ({}, {"fail": DAM}):
            run = installation.post(f"jobs/{job['id']}/trigger", {"params": params})["runId"]
            installation.ended_run(run)
        yield {**job, "run": run}


def kept(installation: Installation, name: str, executor: str, **more: Any) -> Iterator[dict[str, Any]]:
    """A job, until the fixture ends."""
    made = installation.post("jobs", {"jobName": name, "jobGroup": GROUP, "invokeTarget": executor, **more})
    yield made
    installation.delete(f"jobs/{made['id']}")


class Steps:
    """The steps of a person on a page, counted."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.count = 0

    async def click(self, target: Locator, **options: Any) -> None:
        self.count += 1
        await target.click(**options)

    async def drag(self, target: Locator, width: float) -> None:
        """From its upper left corner to the right."""
        self.count += 1
        await target.drag_to(target, source_position={"x": 3, "y": 3}, target_position={"x": width, "y": 3})

    async def press(self, *keys: str) -> None:
        for key in keys:
            self.count += 1
            await self.page.keyboard.press(key)

    async def move_to(self, target: Locator, key: str = "Tab") -> None:
        """By a key that only moves, until the target has the focus."""
        await expect(target).to_be_visible()
        for _ in range(MOST_MOVES):
            if await target.evaluate("one => one === document.activeElement"):
                return
            await self.page.keyboard.press(key)
        await expect(target).to_be_focused()


@asynccontextmanager
async def task(installation: Installation, open_page: Open, at_most: int, *, of: str = GROUP) -> AsyncGenerator[Steps]:
    """From the first screen on, with the jobs of one group alone."""
    page = await open_page("about:blank", viewport=WIDE)
    await narrow(page, of)
    await page.goto(f"{installation.record.api}/console/")
    await expect(page.get_by_role("heading", level=1)).to_have_text("The clock runs.")
    steps = Steps(page)
    yield steps
    assert 0 < steps.count <= at_most


async def chosen(steps: Steps, typed: str, name: str, *, mouse: bool) -> None:
    """Type in the palette, and take what it offers."""
    page = steps.page
    if mouse:
        await steps.click(page.get_by_role("button", name="Go to a job or run"))
    else:
        await steps.press("Control+k")
    await expect(page.get_by_role("combobox")).to_be_focused()
    await page.keyboard.type(typed)
    found = page.get_by_role("option", name=name)
    await expect(found).to_have_count(1)
    if mouse:
        await steps.click(found)
    else:
        await expect(found).to_have_attribute("aria-selected", "true")
        await steps.press("Enter")
    await expect(page.get_by_role("heading", level=1)).to_be_focused()


def needs(page: Page, text: str) -> Locator:
    return page.get_by_role("region", name="What needs you").get_by_role("listitem").filter(has_text=text)


async def filled(page: Page) -> Locator:
    """The channel, once it says what became of its instants."""
    channel = page.get_by_role("grid")
    await expect(channel).to_have_attribute("aria-label", re.compile("before it existed"))
    return channel


async def test_why_there_was_no_run_by_mouse(
    installation: Installation, open_page: Open, clock: dict[str, Any]
) -> None:
    async with task(installation, open_page, at_most=3) as steps:
        await chosen(steps, "clock", f"{GROUP}/clock", mouse=True)
        await filled(steps.page)
        await steps.click(steps.page.locator("canvas").first, position={"x": 3, "y": 3})
        explanation = steps.page.get_by_role("complementary", name="Explanation")
        await expect(explanation).to_contain_text("The job did not exist yet")


async def test_why_there_was_no_run_by_keyboard(
    installation: Installation, open_page: Open, clock: dict[str, Any]
) -> None:
    async with task(installation, open_page, at_most=3) as steps:
        await chosen(steps, f"{GROUP}/clock at yesterday 03:00", f"{GROUP}/clock", mouse=False)
        explanation = steps.page.get_by_role("complementary", name="Explanation")
        await expect(explanation).to_contain_text("The job did not exist yet")


async def test_a_running_log_is_searched_by_mouse(
    installation: Installation, open_page: Open, ripples: dict[str, Any]
) -> None:
    async with task(installation, open_page, at_most=3) as steps:
        page = steps.page
        await steps.click(page.get_by_role("list", name="Four numbers").get_by_role("link", name="running"))
        line = page.get_by_role("row").filter(has=page.get_by_role("link", name="ripples"))
        await steps.click(line.get_by_role("link", name="running"))
        await steps.click(page.get_by_role("searchbox"))
        await searched(page, ripples)


async def test_a_running_log_is_searched_by_keyboard(
    installation: Installation, open_page: Open, ripples: dict[str, Any]
) -> None:
    async with task(installation, open_page, at_most=3) as steps:
        page = steps.page
        await steps.move_to(page.get_by_role("list", name="Four numbers").get_by_role("link", name="running"))
        await steps.press("Enter")
        await expect(page.get_by_role("heading", level=1)).to_be_focused()
        jobs = page.get_by_role("grid", name="Jobs")
        active = page.locator(".line.active")
        await expect(page.get_by_role("link", name="ripples")).to_be_visible()
        await steps.move_to(jobs, key="j")
        while not await active.filter(has_text="ripples").count():
            await page.keyboard.press("j")
        await steps.press("o")
        await expect(page.get_by_role("searchbox")).to_be_visible()
        await steps.press("/")
        await searched(page, ripples)


async def searched(page: Page, job: dict[str, Any]) -> None:
    """What is typed now is found in the log of the job's run, which goes on."""
    await expect(page).to_have_url(re.compile(job["run"]))
    await expect(page.get_by_role("log")).to_contain_text("the water rises")
    await page.keyboard.type("water RISES")
    await expect(page.get_by_role("log").locator("mark")).to_have_text("water rises")
    await expect(page.get_by_role("search").get_by_role("status")).to_contain_text("1 of 1")
    await expect(page.locator("p.status b")).to_have_text("running")


async def test_forty_jobs_are_disabled_and_exactly_those_restored_by_mouse(
    installation: Installation, open_page: Open, group: str
) -> None:
    async with task(installation, open_page, at_most=5 + 1, of=group) as steps:
        page = steps.page
        await steps.click(page.get_by_role("navigation").get_by_role("link", name="Jobs"))
        await steps.click(page.get_by_role("checkbox", name=f"Select the 40 jobs of {group}"))
        await steps.click(page.get_by_role("region", name="chosen").get_by_role("button", name="Disable 38"))
        await steps.click(page.get_by_role("dialog").get_by_role("button", name="Disable 38"))
        await disabled(installation, page, group)
        await steps.click(page.get_by_role("dialog").get_by_role("button", name="Undo"))
        await restored(installation, page, group)


async def test_forty_jobs_are_disabled_and_exactly_those_restored_by_keyboard(
    installation: Installation, open_page: Open, group: str
) -> None:
    async with task(installation, open_page, at_most=5 + 1, of=group) as steps:
        page = steps.page
        await steps.press("g", "j")
        await expect(page.get_by_text("40 jobs: 38 enabled")).to_be_visible()
        await steps.press("a")
        await expect(page.get_by_text("40 of 40 jobs chosen")).to_be_visible()
        await steps.press("d")
        await expect(page.get_by_role("dialog").get_by_label("Reason")).to_be_focused()
        await steps.press("Enter")
        await disabled(installation, page, group)
        await steps.move_to(page.get_by_role("dialog").get_by_role("button", name="Undo"), key="Shift+Tab")
        await steps.press("Enter")
        await restored(installation, page, group)


async def disabled(installation: Installation, page: Page, group: str) -> None:
    await expect(page.get_by_role("dialog", name="Disable 38 jobs").get_by_text("38 of 38 disabled.")).to_be_visible()
    assert enabled(installation, group) == set()


async def restored(installation: Installation, page: Page, group: str) -> None:
    sheet = page.get_by_role("dialog", name="Undo: enable 38 jobs")
    await expect(sheet.get_by_text("38 of 38 enabled.")).to_be_visible()
    assert enabled(installation, group) == ALL_BUT_TWO


async def test_a_range_is_made_up_for_by_mouse(
    installation: Installation, open_page: Open, clock: dict[str, Any]
) -> None:
    async with task(installation, open_page, at_most=4) as steps:
        page = steps.page
        await chosen(steps, f"clock {LAST_NIGHT}", f"{GROUP}/clock", mouse=True)
        await steps.click(page.get_by_role("button", name="Backfill these…"))
        dialog = page.get_by_role("dialog", name=f"Backfill {GROUP}/clock")
        await steps.click(dialog.get_by_role("button", name="Request 4 runs"))
        await made_up(installation, page, clock)


async def test_a_range_is_made_up_for_by_keyboard(
    installation: Installation, open_page: Open, clock: dict[str, Any]
) -> None:
    async with task(installation, open_page, at_most=4) as steps:
        page = steps.page
        await chosen(steps, f"clock {LAST_NIGHT}", f"{GROUP}/clock", mouse=False)
        await expect(page.get_by_role("button", name="Backfill these…")).to_be_enabled()
        await steps.press("b")
        dialog = page.get_by_role("dialog", name=f"Backfill {GROUP}/clock")
        await expect(dialog.get_by_role("button", name="Request 4 runs")).to_be_visible()
        await steps.press("Enter")
        await made_up(installation, page, clock)


async def made_up(installation: Installation, page: Page, job: dict[str, Any]) -> None:
    """The four hours of last night, and no other."""
    await expect(page.get_by_role("main").get_by_text("4 runs were requested")).to_be_visible()
    found = f"runs?jobId={job['id']}&trigger=backfill"
    installation.until(lambda: len(installation.get(found)["items"]) >= 4)
    clocks = sorted(one["nominalAt"][11:16] for one in installation.get(found)["items"])
    assert clocks == ["02:00", "03:00", "04:00", "05:00"]


@pytest.mark.soak
async def test_a_range_is_drawn_and_made_up_for(
    installation: Installation, open_page: Open, clock: dict[str, Any]
) -> None:
    async with task(installation, open_page, at_most=5) as steps:
        page = steps.page
        await chosen(steps, "clock", f"{GROUP}/clock", mouse=True)
        await filled(page)
        await steps.drag(page.locator("canvas").first, width=90)
        await steps.click(page.get_by_role("button", name="Backfill these…"))
        dialog = page.get_by_role("dialog", name=f"Backfill {GROUP}/clock")
        await steps.click(dialog.get_by_role("button", name=re.compile(r"Request \d+ runs?")))
        told = page.get_by_role("main").get_by_text(re.compile(r"\d+ runs? (was|were) requested"))
        await expect(told).to_be_visible()


async def test_a_run_is_started_again_as_it_was_by_mouse(
    installation: Installation, open_page: Open, broken: dict[str, Any]
) -> None:
    async with task(installation, open_page, at_most=4) as steps:
        page = steps.page
        await steps.click(needs(page, DAM).get_by_role("link", name="Open the run"))
        await steps.click(page.get_by_role("button", name="Retry…"))
        await steps.click(page.get_by_role("dialog").get_by_role("button", name="Run it again"))
        await again(installation, page, broken)


async def test_a_run_is_started_again_as_it_was_by_keyboard(
    installation: Installation, open_page: Open, broken: dict[str, Any]
) -> None:
    async with task(installation, open_page, at_most=4) as steps:
        page = steps.page
        await opened_by_key(steps)
        await expect(page.get_by_role("button", name="Retry…")).to_be_enabled()
        await steps.press("r")
        await expect(page.get_by_role("dialog").get_by_label("Reason")).to_be_focused()
        await steps.press("Enter")
        await again(installation, page, broken)


async def opened_by_key(steps: Steps) -> None:
    """The run that failed, from the line that says so."""
    await steps.move_to(needs(steps.page, DAM).get_by_role("link", name="Open the run"), key="j")
    await steps.press("Enter")
    await expect(steps.page.get_by_role("heading", level=1)).to_be_focused()


async def again(installation: Installation, page: Page, job: dict[str, Any]) -> None:
    """The page shows another run, which has failed as the first did."""
    await expect(page).not_to_have_url(re.compile(job["run"]))
    run = installation.ended_run(page.url.rsplit("/", 1)[1])
    assert (run["retryOf"], run["trigger"], run["params"]) == (job["run"], "retry", {"fail": DAM})
    await expect(page.get_by_role("region", name="Error")).to_contain_text(DAM)


async def test_a_run_is_compared_with_the_last_good_one_by_mouse(
    installation: Installation, open_page: Open, broken: dict[str, Any]
) -> None:
    async with task(installation, open_page, at_most=2) as steps:
        page = steps.page
        await steps.click(needs(page, DAM).get_by_role("link", name="Open the run"))
        await steps.click(page.get_by_role("button", name="Compare", exact=True))
        await compared(page)


async def test_a_run_is_compared_with_the_last_good_one_by_keyboard(
    installation: Installation, open_page: Open, broken: dict[str, Any]
) -> None:
    async with task(installation, open_page, at_most=2) as steps:
        await opened_by_key(steps)
        await expect(steps.page.get_by_role("button", name="Compare", exact=True)).to_be_enabled()
        await steps.press("v")
        await compared(steps.page)


async def compared(page: Page) -> None:
    told = page.get_by_role("region", name="Compared")
    await expect(told).to_contain_text("“Tell” failed here and succeeded there. 1 parameter differs.")
    await expect(told.get_by_role("table").filter(has_text="fail")).to_contain_text(DAM)
