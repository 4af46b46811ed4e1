"""Every screen of the console, full, empty and failing, with each panel open: axe finds nothing, and keys reach all."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, Literal, NamedTuple

import pytest
from playwright.async_api import Page, Route, expect

from tests.e2e.console.conftest import PATIENCE, Open
from tests.support.installation import running
from tests.support.watched import Watched, flaws

pytestmark = pytest.mark.soak

UNTIL = "2026-11-29T09:00:00Z"
SCHEMES: tuple[Literal["dark"], Literal["light"]] = ("dark", "light")
WIDTHS = (320, 1440)
EMPTY: dict[str, Any] = {"at": UNTIL, "count": 0, "more": False, "columns": {"id": []}}
AWAY = {"type": "/problems#unavailable", "title": "Unavailable", "status": 503, "detail": "Postgres does not answer."}

Act = Callable[[Page], Awaitable[None]]


def button(name: str, *, exact: bool = False) -> Act:
    """A click on it."""

    async def act(page: Page) -> None:
        await page.get_by_role("button", name=name, exact=exact).first.click()

    return act


def key(*keys: str) -> Act:
    async def act(page: Page) -> None:
        for one in keys:
            await page.keyboard.press(one)

    return act


async def chosen(page: Page) -> None:
    """All jobs of the list are."""
    await page.get_by_role("grid").focus()
    await page.keyboard.press("a")
    await expect(page.get_by_role("region", name="Jobs that are chosen")).to_be_visible()


async def disabling(page: Page) -> None:
    await chosen(page)
    await page.keyboard.press("d")


async def unfolded(page: Page) -> None:
    """The filters, where there is little room for them."""
    view = page.get_by_role("button", name="View", exact=True)
    if await view.is_visible():
        await view.click()
    await page.get_by_role("button", name="Filter by group").or_(page.get_by_text("Group", exact=True)).first.click()


async def traced(page: Page) -> None:
    await page.get_by_text("Traceback", exact=True).click()


class View(NamedTuple):
    """What of the sample is looked at: its path, with jobs and runs by name in braces; what shows that it is there."""

    name: str
    path: str
    shows: str
    acts: tuple[Act, ...] = ()
    then: str = ""  # a text that shows when they are done
    state: Literal["full", "empty", "failing", "lost"] = "full"


FAILED, RUNNING, LOGGED = "runs/{failed}", "runs/{running}", "runs/{timedOut}"
FULL = (
    View("now", "", "An hour back, an hour ahead"),
    View("now in tables", "?table=true&only=bad", "Due in the next hour"),
    View("jobs", "jobs", "needs a look"),
    View("jobs in numbers", "jobs?numbers=true&sort=next&q=e", "fit “e”"),
    View("jobs of which none fits", "jobs?q=nosuchjob", "No job fits"),
    View("job", "jobs/{job}", "scheduled times:"),
    View("job in a table", "jobs/{job}?table=true&tab=history", "created it"),
    View("job that is disabled", "jobs/{disabled}", "while disabled"),
    View("job without a schedule", "jobs/{manual}", "It has no schedule"),
    View("skipped", "jobs/{job}?at=2026-11-17T02:05:00Z", "Skipped: too many at once"),
    View("not due", "jobs/{job}?at=2026-11-17T02:07:00Z", "Not due"),
    View("range", "jobs/{job}?at=2026-11-29T02:00:00Z&till=2026-11-29T08:30:00Z", "Backfill these"),
    View("failed", FAILED, "The log is complete."),
    View("failed, compared", f"{FAILED}?with=", "The logs differ"),
    View("running", RUNNING, "It has been running for"),
    View("queued", "runs/{queued}", "Its queue low is paused"),
    View("a log searched", f"{LOGGED}?q=epoch&level=info", "of 4 lines"),
    View("no such page", "nosuch/place", "No such page"),
    View("no such job", "jobs/zzzzzzzzzzzzzzzz", "It was never here"),
    View("no such run", "runs/zzzzzzzzzzzzzzzz-mx1k0b1c", "There is no run with this id"),
)
PANELS = (
    View("palette", "jobs", "needs a look", (key("Control+k"),), "choose"),
    View("palette that finds none", "", "The clock", (key("Control+k", "q", "q", "q", "7"),), "No job has"),
    View("help", "jobs/{job}", "scheduled times:", (key("?"),), "Use single keys"),
    View("shapes of now", "", "An hour back", (button("What the shapes mean"),), "its run ended with an error"),
    View("resume", "", "is paused", (button("Resume…"),), "Reason"),
    View("groups", "jobs", "needs a look", (unfolded,), "backups"),
    View("chosen", "jobs", "needs a look", (chosen,), "of 22 jobs chosen"),
    View("bulk", "jobs", "needs a look", (disabling,), "Reason"),
    View("run now", "jobs/{job}", "scheduled times:", (button("Run now…"),), "beside its schedule"),
    View("disable", "jobs/{job}", "scheduled times:", (button("Disable…"),), "Its schedule stops"),
    View("backfill", "jobs/{job}", "scheduled times:", (button("Backfill…"),), "in the range:"),
    View("retry", FAILED, "The log is complete.", (button("Retry…"),), "Reason"),
    View("cancel", RUNNING, "It has been running for", (button("Cancel…"),), "Reason"),
    View("copy", FAILED, "The log is complete.", (button("Copy", exact=True),), "With times"),
    View(
        "traceback",
        FAILED,
        "The log is complete.",
        (traced,),
        "File ",
    ),
)
OTHERS = (
    View("now, empty", "", "Three steps to a first run", state="empty"),
    View("jobs, empty", "jobs", "There is no job yet", state="empty"),
    View("now, failing", "", "cannot be shown", state="failing"),
    View("jobs, failing", "jobs", "The jobs cannot be shown", state="failing"),
    View("job, failing", "jobs/{job}", "The job cannot be shown", state="failing"),
    View("run, failing", FAILED, "The run cannot be shown", state="failing"),
    View("lost", "", "The API cannot be reached", state="lost"),
)
EVERY = FULL + PANELS + OTHERS


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, dict[str, str]]]:
    """Where it is, and the ids of its jobs and runs that are looked at."""
    with running(tmp_path_factory.mktemp("sample"), "--sample", "--until", UNTIL) as installation:
        columns = installation.get("jobs-index")["columns"]
        names = [f"{group}/{name}" for group, name in zip(columns["group"], columns["name"], strict=True)]
        ids = dict(zip(names, columns["id"], strict=True))
        last = dict(zip(names, columns["lastRunId"], strict=True))
        (timed_out,) = installation.get(f"runs?jobId={ids['ml/retrain']}&status=timedOut&limit=1")["items"]
        known = {
            "job": ids["etl/hourly-events"],
            "disabled": ids["legacy/ftp-import"],
            "manual": ids["maintenance/vacuum-analytics"],
            "failed": last["etl/hourly-events"],
            "running": last["ml/retrain"],
            "queued": last["cleanup/tmp-files"],
            "timedOut": timed_out["id"],
        }
        yield f"{installation.record.api}/console/", known


async def shown(open_page: Open, sample: tuple[str, dict[str, str]], view: View, width: int) -> Page:
    """The page with the view on it, in a browser whose clock says the same as the sample."""
    console, known = sample
    page = await open_page("about:blank", viewport={"width": width, "height": 900}, locale="en-GB")
    await page.clock.set_fixed_time(UNTIL)
    if view.state == "empty":
        await page.route("**/v1/monitor/jobs-index", lambda route: route.fulfill(json=EMPTY))
    elif view.state == "failing":
        await page.route("**/v1/monitor/**", failing)
    elif view.state == "lost":
        await page.route("**/v1/monitor/me", lambda route: route.abort())
    await page.goto(console + view.path.format(**known))
    await expect(page.get_by_text(view.shows).first).to_be_visible()
    for act in view.acts:
        await act(page)
    if view.then:
        await expect(page.get_by_text(view.then).filter(visible=True).first).to_be_visible()
    await expect(page.locator(".loading")).to_have_count(0, timeout=PATIENCE)
    return page


async def failing(route: Route) -> None:
    """All but who asks, and the stream, which would say that all is well."""
    if route.request.url.endswith("/me") or "/stream" in route.request.url:
        return await route.continue_()
    kind = "application/problem+json"
    return await route.fulfill(status=503, headers={"Content-Type": kind, "Retry-After": "60"}, body=json.dumps(AWAY))


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("view", EVERY, ids=[one.name for one in EVERY])
async def test_axe_finds_nothing_and_nothing_hangs_over(
    sample: tuple[str, dict[str, str]], open_page: Open, watched: Watched, view: View, width: int
) -> None:
    page = await shown(open_page, sample, view, width)
    for scheme in SCHEMES:
        await page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        assert await flaws(page) == [], scheme
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    await expect(page.get_by_role("heading", level=1, include_hidden=True)).to_have_count(1)
    await page.context.close()
    watched.complaints = [one for one in watched.complaints if "ERR_FAILED" not in one]


LARGER = """rules => {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(rules);
  document.adoptedStyleSheets = [sheet];
}"""
TWICE = "html { font-size: 200% !important }"
SPACED = """* { line-height: 1.5 !important; letter-spacing: 0.12em !important; word-spacing: 0.16em !important }
p { margin-block-end: 2em !important }"""
WIDER = """() => [...document.querySelectorAll('body *')]
  .filter(one => one.getBoundingClientRect().right > innerWidth + 1 && one.checkVisibility())
  .map(one => `${one.tagName} ${one.className}`)
  .slice(-3)"""


@pytest.mark.parametrize("view", FULL, ids=[one.name for one in FULL])
async def test_larger_text_and_wider_spacing_have_room_on_a_phone(
    sample: tuple[str, dict[str, str]], open_page: Open, view: View
) -> None:
    page = await shown(open_page, sample, view, 320)
    for rules in (TWICE, SPACED):  # WCAG 1.4.4 and 1.4.12
        await page.evaluate(LARGER, rules)
        wide = await page.evaluate("document.documentElement.scrollWidth > innerWidth")
        assert not wide, f"{rules}: {await page.evaluate(WIDER)}"


FOCUS = """() => {
  const one = document.activeElement;
  if (one === null || one === document.body) return null;
  // A field may show it by what holds it, a radio button by its label, a list by the line that is meant.
  const near = [one, one.parentElement, one.nextElementSibling, one.querySelector('.active, canvas')];
  const outlined = near.some((at) => {
    const { outlineStyle, outlineWidth } = at === null ? {} : getComputedStyle(at);
    return outlineStyle !== undefined && outlineStyle !== 'none' && parseFloat(outlineWidth) >= 1;
  });
  const { left, top, width, height } = one.getBoundingClientRect();
  const [low, high] = [Math.max(top, 0), Math.min(top + height, innerHeight)];
  const points = [[0.5, 0.5], [0.1, 0.1], [0.9, 0.1], [0.1, 0.9], [0.9, 0.9]].map(([x, y]) =>
    document.elementFromPoint(Math.min(innerWidth - 1, Math.max(0, left + x * width)), low + y * (high - low)));
  const seen = points.some((at) => at !== null && (one.contains(at) || at.contains(one)) && at !== document.body);
  const number = (window.__stops ??= new Map());
  if (!number.has(one)) number.set(one, number.size);
  const text = (one.getAttribute('aria-label') ?? one.textContent ?? '').trim().slice(0, 40);
  return { number: number.get(one), what: `${one.tagName} ${one.className} “${text}”`, outlined, seen };
}"""


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("view", FULL, ids=[one.name for one in FULL])
async def test_keys_lead_through_all_of_it_and_back(
    sample: tuple[str, dict[str, str]], open_page: Open, view: View, width: int
) -> None:
    page = await shown(open_page, sample, view, width)
    await page.get_by_role("button", name="To the page").focus()
    await page.keyboard.press("Shift+Tab")  # before the first
    there = await walked(page, "Tab")
    assert len(there) > 5
    await page.evaluate("[...window.__stops.keys()].at(-1).focus()")
    assert await walked(page, "Shift+Tab") == there[-2::-1]


async def walked(page: Page, pressed: str) -> list[str]:
    """What has the focus, one after the other, until it leaves the page at its end."""
    stops: dict[int, str] = {}
    for _ in range(400):
        await page.keyboard.press(pressed)
        stop = await page.evaluate(FOCUS)
        if stop is None or stop["number"] in stops:
            return list(stops.values())
        assert stop["outlined"], f"no focus is seen on {stop['what']}"
        assert stop["seen"], f"{stop['what']} has the focus, and something lies over it"
        stops[stop["number"]] = stop["what"]
    pytest.fail(f"it comes to no end: {list(stops.values())[-5:]}")
