"""The Run screen: read, followed, searched, compared and run again, by mouse and by keyboard; and when things fail."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from playwright.async_api import Locator, Page, Route, expect

from tests.e2e.console.conftest import Open
from tests.support.installation import Installation
from tests.support.watched import flaws

HOSTILE = ("<img src=x onerror=alert(1)>", "\u202egnp.exe javascript:alert(1)", "see https://tides.example/a?b=1#c.")

MOST_NODES = 1500


WANTED = {"jobGroup": "run-screen", "invokeTarget": "tides.tell", "concurrent": "0"}


@pytest.fixture(scope="module")
def job(installation: Installation) -> str:
    made: str = installation.post("/jobs", {"jobName": "tell", **WANTED})["id"]
    return made


@pytest.fixture(scope="module")
def failed(installation: Installation) -> str:
    """The run of a job of which the one before succeeded, with other parameters."""
    job = installation.post("/jobs", {"jobName": "dam", **WANTED})["id"]
    installation.ended_run(installation.post(f"/jobs/{job}/trigger")["runId"])
    story = {"lines": [*HOSTILE, "error: \x1b[31mthe dam\x1b[0m gave way"], "fail": "the dam gave way"}
    run: str = installation.post(f"/jobs/{job}/trigger", {"params": story, "reason": "spring tide"})["runId"]
    installation.ended_run(run)
    return run


def at(installation: Installation, run: str, rest: str = "") -> str:
    return f"{installation.record.api}/console/runs/{run}{rest}"


def standing(page: Page) -> Locator:
    return page.locator("p.status b")


def log_of(page: Page) -> Locator:
    return page.get_by_role("log")


@pytest.mark.soak
async def test_a_failed_run_says_what_went_wrong_and_its_log_is_text(
    installation: Installation, open_page: Open, failed: str
) -> None:
    page = await open_page(at(installation, failed))
    await expect(page.get_by_role("region", name="Error")).to_contain_text("the dam gave way")
    await expect(page.get_by_role("heading", level=1)).to_have_count(1)
    log = log_of(page)
    await expect(log.locator(".error .c-red")).to_have_text("the dam")
    await expect(log).to_contain_text(HOSTILE[0])
    await expect(log.locator(".odd").first).to_have_text("U+202E")
    links = await log.get_by_role("link").evaluate_all("all => all.map(one => [one.href, one.rel])")
    assert links == [["https://tides.example/a?b=1#c", "noopener noreferrer"]]
    steps = page.get_by_role("table")
    await steps.get_by_role("button", name="1. Rise").click()
    await expect(log.locator(".line")).to_have_count(1)
    assert "step=1" in page.url
    await page.go_back()
    await expect(log.locator(".line")).to_have_count(5)


@pytest.mark.soak
async def test_it_is_compared_with_the_last_good_one_in_two_keys_or_a_click(
    installation: Installation, open_page: Open, failed: str
) -> None:
    page = await open_page(at(installation, failed))
    await page.get_by_role("button", name="Compare", exact=True).click()
    compared = page.get_by_role("region", name="Compared")
    await expect(compared).to_contain_text("“Tell” failed here and succeeded there. 2 parameters differ.")
    await expect(compared).to_contain_text("The logs say the same for 1 line")
    await expect(compared.locator(".diff .here")).to_have_count(4)
    assert "with=" in page.url
    await page.keyboard.press("v")
    await expect(compared).to_have_count(0)


@pytest.mark.soak
async def test_it_is_run_again_as_it_was_by_keyboard(installation: Installation, open_page: Open, failed: str) -> None:
    page = await open_page(at(installation, failed))
    await expect(page.get_by_role("button", name="Retry…")).to_be_enabled()
    await page.keyboard.press("r")
    await expect(page.get_by_role("dialog")).to_contain_text("same executor, parameters")
    await page.keyboard.type("once more")
    await page.keyboard.press("Enter")
    await expect(page).not_to_have_url(re.compile(failed))
    again = page.url.rsplit("/", 1)[1]
    run = installation.get(f"/runs/{again}")
    assert (run["retryOf"], run["reason"], run["trigger"]) == (failed, "once more", "retry")
    assert run["params"] == installation.get(f"/runs/{failed}")["params"]
    await expect(page.get_by_role("region", name="Error")).to_contain_text("the dam gave way")


@pytest.mark.soak
async def test_a_running_one_is_followed_searched_and_cancelled(
    installation: Installation, open_page: Open, job: str
) -> None:
    story = {"lines": ["buoy 1", "buoy 2", "buoy 3"], "every": 0.1}
    run = installation.post(f"/jobs/{job}/trigger", {"params": story})["runId"]
    page = await open_page(at(installation, run))
    log = log_of(page)
    await expect(log).to_contain_text("ripple 12")
    await page.keyboard.press("/")
    await page.keyboard.type("BUOY")
    await expect(page).to_have_url(re.compile("q=BUOY"))
    found = page.get_by_role("search").get_by_role("status")
    await expect(found).to_have_text(re.compile("[123] of 3"))  # from what is looked at on
    await expect(log.locator("mark")).to_have_text(["buoy"] * 3)
    before = int((await found.inner_text()).split(" of ")[0])
    await page.keyboard.press("Enter")
    await expect(found).to_have_text(f"{before % 3 + 1} of 3")
    await expect(page.get_by_role("button", name="new")).to_be_visible()  # it no longer follows
    await page.keyboard.press("Escape")
    await page.keyboard.press("b")
    await expect(page.get_by_role("button", name="new")).to_have_count(0)
    await page.keyboard.press("c")
    await page.get_by_role("dialog").get_by_role("button", name="Cancel the run").click()
    await expect(standing(page)).to_have_text("cancelled")
    await expect(page.get_by_text("The log is complete.")).to_be_visible()
    assert await shown(page) == written(installation, run)


@pytest.mark.soak
async def test_what_is_found_at_the_end_of_a_log_is_not_followed_from(
    installation: Installation, open_page: Open, job: str
) -> None:
    run = installation.post(f"/jobs/{job}/trigger", {"params": {"more": 120, "every": 1}})["runId"]
    page = await open_page(at(installation, run))  # where the end of the box lies below the window
    await expect(log_of(page)).to_contain_text("wave 120 of 120")
    await page.keyboard.press("/")
    await page.keyboard.type("wave 120 ")
    found = log_of(page).locator("mark")
    await expect(found).to_have_text("wave 120 ")
    await expect(page.get_by_role("button", name=re.compile(r"([2-9]|\d\d) new"))).to_be_visible()
    await expect(found).to_be_in_viewport()
    await log_of(page).focus()
    await page.keyboard.press("End")  # the reader goes there
    await expect(page.get_by_role("button", name="new")).to_have_count(0)
    installation.post(f"/runs/{run}/cancel")


@pytest.mark.soak
async def test_a_stream_that_is_cut_in_a_line_goes_on_without_a_repeat(
    installation: Installation, open_page: Open, job: str
) -> None:
    run = installation.post(f"/jobs/{job}/trigger", {"params": {"every": 0.1}})["runId"]
    asked: list[str] = []

    async def cut(route: Route) -> None:
        asked.append(route.request.url)
        if len(asked) == 1:
            await route.fulfill(
                content_type="text/event-stream", body='id: 0-0-1\nevent: step.log\ndata: {"lines": [{"te'
            )
        else:
            await route.continue_()

    page = await open_page("about:blank")
    await page.route("**/logs/stream*", cut)
    await page.goto(at(installation, run))
    await expect(page.get_by_text("The stream is lost since")).to_be_visible()
    await expect(log_of(page)).to_contain_text("ripple 30")
    installation.post(f"/runs/{run}/cancel")
    await expect(page.get_by_text("The log is complete.")).to_be_visible()
    assert len(asked) == 2
    assert asked[0] == asked[1]
    assert await shown(page) == written(installation, run)


@pytest.mark.soak
async def test_a_log_too_long_for_a_page_is_a_window_with_a_find_of_its_own(
    installation: Installation, open_page: Open, job: str
) -> None:
    run = installation.post(f"/jobs/{job}/trigger", {"params": {"more": 7000}})["runId"]
    installation.ended_run(run)
    page = await open_page(at(installation, run))
    log = log_of(page)
    await expect(log).to_contain_text("wave 7000 of 7000")
    await expect(page.get_by_text("more than a page holds")).to_be_visible()
    assert await page.evaluate("document.getElementsByTagName('*').length") <= MOST_NODES
    await log.focus()
    await page.keyboard.press("Home")
    step = log.get_by_role("button", name="2 Tell")
    await step.click()
    await expect(step).to_have_text(re.compile(r"7.000 lines folded"))
    await expect(log.locator("[data-row]")).to_have_count(1)
    await page.keyboard.press("Control+f")  # what is found unfolds its step
    await page.keyboard.type("wave 1234 ")
    await expect(log.locator("mark")).to_have_text("wave 1234 ")
    await expect(page.get_by_role("search")).to_contain_text("1 of 1")
    await page.goto(at(installation, run, "?level=info#L3001-3003"))
    await expect(log.locator(".picked")).to_have_count(3)
    await expect(log.locator(".picked").first).to_contain_text("wave 3000 of 7000")
    await log.focus()
    await page.keyboard.press("j")
    await expect(page).to_have_url(re.compile(r"#L3004$"))


@pytest.mark.soak
@pytest.mark.parametrize(
    ("place", "kept", "beside"),
    [("", "ripple", ["wave 4700 of"]), ("#L2501", "wave 2500 of", ["wave 2300 of", "wave 2800 of"])],
)
async def test_a_log_that_outgrows_the_page_while_it_is_read_stays_where_it_is_read(
    installation: Installation, open_page: Open, job: str, place: str, kept: str, beside: list[str]
) -> None:
    run = installation.post(f"/jobs/{job}/trigger", {"params": {"more": 4950, "every": 0.1}})["runId"]
    page = await open_page(at(installation, run, place), viewport={"width": 1280, "height": 1800})
    log = log_of(page)
    line = log.locator(".line").filter(has_text=kept)
    await expect(line.last).to_be_in_viewport()
    await expect(page.get_by_text("more than a page holds")).to_be_visible()
    for far in beside:  # which were on the page
        await expect(log).not_to_contain_text(far)
    await expect(line.last).to_be_in_viewport()
    assert await page.evaluate("document.getElementsByTagName('*').length") <= MOST_NODES
    installation.post(f"/runs/{run}/cancel")


@pytest.mark.soak
async def test_a_run_that_waits_says_why_and_leads_on(installation: Installation, open_page: Open) -> None:
    wanted = {"jobName": "alone", "jobGroup": "run-screen", "invokeTarget": "tides.tell"}
    alone = installation.post("/jobs", wanted)["id"]
    first = installation.post(f"/jobs/{alone}/trigger", {"params": {"every": 1}})["runId"]
    second = installation.post(f"/jobs/{alone}/trigger", {"overlapPolicy": "buffer_one"})["runId"]
    page = await open_page(at(installation, second), viewport={"width": 320, "height": 800}, color_scheme="light")
    why = page.get_by_role("region", name="Why it waits")
    await expect(why).to_contain_text("behind another run of its job")
    assert await flaws(page) == []
    await page.keyboard.press("t")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("dialog")).to_contain_text("is not finished")
    blocker = page.get_by_role("dialog").get_by_role("link", name="See the run that blocks")
    await expect(blocker).to_have_attribute("href", re.compile(f"^runs/{alone}-"))
    await page.keyboard.press("Escape")
    await why.get_by_role("link").click()
    await expect(page).to_have_url(re.compile(first))
    installation.post(f"/runs/{first}/cancel")
    installation.ended_run(second)


@pytest.mark.parametrize(
    ("scheme", "width"),
    [
        ("dark", 1440),
        ("light", 320),
        pytest.param("dark", 320, marks=pytest.mark.soak),
        pytest.param("light", 1440, marks=pytest.mark.soak),
    ],
)
async def test_axe_finds_nothing_and_nothing_hangs_over(
    installation: Installation, open_page: Open, failed: str, scheme: str, width: int
) -> None:
    size = {"width": width, "height": 900}
    page = await open_page(at(installation, failed, "?with=&q=dam"), color_scheme=scheme, viewport=size)
    await expect(page.locator(".diff .here").first).to_be_visible()
    await expect(log_of(page).locator(".error")).to_be_visible()
    assert await flaws(page) == []
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.soak
async def test_who_may_only_list_sees_the_head_and_what_the_rest_takes(
    installation: Installation, open_page: Open, failed: str
) -> None:
    me = {**installation.get("/me"), "name": "viewer", "kind": "key", "asked": True, "scopes": ["list"]}
    page = await open_page("about:blank")
    await page.route("**/v1/monitor/me", answering(200, me))
    await page.goto(at(installation, failed))
    reason = page.get_by_text("Needs the scope query; you are key:viewer with list.")
    await expect(reason.filter(visible=True).first).to_be_visible()
    await expect(standing(page)).to_have_text("failed")
    assert await flaws(page) == []


@pytest.mark.soak
async def test_what_is_not_there_and_what_is_away_is_said_in_words(
    installation: Installation, open_page: Open, failed: str
) -> None:
    page = await open_page(at(installation, "nosuch-x1"))
    await expect(page.get_by_text("There is no run with this id.")).to_be_visible()
    away = {"type": "/problems#store-unavailable", "title": "Postgres is unavailable", "status": 503, "detail": "Away."}
    asked = 0

    async def busy(route: Route) -> None:
        nonlocal asked
        asked += 1
        if asked == 1:
            await answering(503, away, {"Retry-After": "1"})(route)
        else:
            await route.continue_()

    await page.route(f"**/runs/{failed}?*", busy)
    await page.goto(at(installation, failed))
    await expect(page.get_by_text("Postgres is unavailable")).to_be_visible()
    await expect(page.get_by_role("region", name="Error")).to_be_visible()  # by itself, after the second


def answering(status: int, body: dict[str, Any], headers: dict[str, str] | None = None) -> Any:
    async def answer(route: Route) -> None:
        kind = "application/json" if status < 400 else "application/problem+json"
        await route.fulfill(status=status, content_type=kind, body=json.dumps(body), headers=headers or {})

    return answer


async def shown(page: Page) -> list[list[str]]:
    """Number and text of each line on the page."""
    rows = log_of(page).locator(".line")
    return await rows.evaluate_all("all => all.map(one => [one.dataset.row, one.querySelector('.text').textContent])")


def written(installation: Installation, run: str) -> list[list[str]]:
    """Number and text of each line that the API knows."""
    lines: list[list[str]] = []
    page: dict[str, Any] = {"nextCursor": ""}
    while page["nextCursor"] is not None:
        more = f"&cursor={page['nextCursor']}" if page["nextCursor"] else ""
        page = installation.get(f"/runs/{run}/logs?limit=1000{more}")
        lines += [[str(line["number"]), line["text"]] for line in page["items"]]
    return lines
