"""With the Tab key through each screen: the focus can be seen wherever it is, and never falls back on the page."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.async_api import Page, expect

from tests.e2e.console.conftest import Open
from tests.e2e.console.narrowed import narrow
from tests.support.installation import Installation
from tests.support.watched import flaws

GROUP = "walked"
FEWEST_STOPS, MOST_STOPS = 8, 150
FOCUS = """
() => {
  const one = document.activeElement;
  if (one === null || one === document.body) return null;
  const box = one.getBoundingClientRect();
  const seen = [[.5, .5], [.1, .5], [.9, .5], [.5, .1], [.5, .9]].some(([x, y]) => {
    const top = document.elementFromPoint(box.x + box.width * x, box.y + box.height * y);
    return top !== null && (one.contains(top) || top.contains(one) && !top.contains(document.querySelector('main')));
  });
  const active = document.getElementById(one.getAttribute('aria-activedescendant'));
  const ringed = [one, active, one.parentElement, one.parentElement?.parentElement].some((part) => {
    const style = part && getComputedStyle(part);
    return style && style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2;
  });
  const again = 'walked' in one.dataset;
  one.dataset.walked = '';
  return { what: one.outerHTML.slice(0, 200), again, seen, ringed };
}
"""


@pytest.fixture(scope="module")
def ids(installation: Installation) -> Iterator[dict[str, str]]:
    """Of a job, and of its run that failed."""
    wanted = {"jobName": "dam", "jobGroup": GROUP, "invokeTarget": "demo.fail", "cronExpression": "0 * * * *"}
    job = installation.post("jobs", wanted)["id"]
    run = installation.post(f"jobs/{job}/trigger")["runId"]
    installation.ended_run(run)
    yield {"job": job, "run": run}
    installation.delete(f"jobs/{job}")


SCREENS = {
    "": "did not succeed at its last run",
    "jobs": "dam",
    "jobs/{job}?at=2026-03-01T03:00:00Z": "The job did not exist yet",
    "runs/{run}": "DemoError",
    "nosuch": "The console has no page",
}


async def opened(installation: Installation, open_page: Open, path: str, told: str) -> Page:
    page = await open_page("about:blank", viewport={"width": 1280, "height": 800})
    await narrow(page, GROUP)
    await page.goto(f"{installation.record.api}/console/{path}")
    await expect(page.get_by_role("main").get_by_text(told).first).to_be_visible()
    return page


@pytest.mark.parametrize(("path", "told"), SCREENS.items())
async def test_the_focus_is_seen_at_each_stop_and_comes_around(
    installation: Installation, ids: dict[str, str], open_page: Open, path: str, told: str
) -> None:
    page = await opened(installation, open_page, path.format(**ids), told)
    await page.evaluate("scrollTo(0, 0)")
    stops = await walked(page)
    assert "To the page" in stops[0]["what"]
    assert len(stops) >= FEWEST_STOPS
    assert [one["what"] for one in stops if not (one["seen"] and one["ringed"])] == []


async def walked(page: Page) -> list[dict[str, Any]]:
    """What has the focus, from the first stop to the last."""
    stops: list[dict[str, Any]] = []
    for _ in range(MOST_STOPS):
        await page.keyboard.press("Tab")
        at = await page.evaluate(FOCUS)
        if at is None:  # past the last one: the browser's own buttons would follow
            await page.keyboard.press("Tab")
            at = await page.evaluate(FOCUS)
            assert at is not None, f"the focus is lost after {stops[-1]}"
        if at["again"]:
            assert "To the page" in at["what"], f"the focus goes back from {stops[-1]} to {at}"
            return stops
        stops.append(at)
    raise AssertionError(f"it does not come around: {stops[-3:]}")


@pytest.mark.parametrize(
    ("path", "told", "key", "name"),
    [
        ("", "did not succeed at its last run", "Control+k", "Go to"),
        ("jobs", "dam", "?", "Help"),
        ("jobs/{job}", "Fires every hour", "t", f"Run {GROUP}/dam"),
        ("runs/{run}", "DemoError", "r", "Run it again"),
    ],
)
async def test_what_a_key_opens_takes_the_focus_and_gives_it_back(
    installation: Installation, ids: dict[str, str], open_page: Open, path: str, told: str, key: str, name: str
) -> None:
    page = await opened(installation, open_page, path.format(**ids), told)
    before = page.get_by_role("button", name="Help")
    await before.focus()
    await page.keyboard.press(key)
    dialog = page.get_by_role("dialog", name=name)
    await expect(dialog.locator(":focus")).to_have_count(1)
    assert await flaws(page) == []
    await page.keyboard.press("Escape")
    await expect(dialog).to_have_count(0)
    await expect(before).to_be_focused()
