"""The screen of all jobs in a browser: found, chosen, disabled and restored, by mouse and by key; and its faults."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from playwright.async_api import Locator, Page, Request, Route, expect

from tests.e2e.console.conftest import Open, Serve
from tests.e2e.console.fleet import ALL_BUT_TWO, FORTY, created, enabled, jobs_of
from tests.integration.api.conftest import MakeRig
from tests.integration.api.rig import served
from tests.support.installation import Installation
from tests.support.watched import flaws

HOSTILE = ("<b>bold</b> &amp; {x}", "日次バックアップ", "نسخ احتياطي", "çalışma-œuvre", "e\u0301te\u0301 💧 1⃣")
MOST_NODES = 1500


def all_jobs(installation: Installation) -> list[dict[str, Any]]:
    return list(installation.get("/jobs?limit=1000")["items"])


def line_of(page: Page, group: str) -> Locator:
    return page.get_by_role("row").filter(has_text=group).filter(has_text=re.compile(r"\d+ jobs?"))


async def opened(open_page: Open, installation: Installation, search: str = "", **options: Any) -> Page:
    page = await open_page(f"{installation.record.api}/console/jobs{search}", **options)
    await expect(page.get_by_role("grid", name="Jobs")).to_be_visible()
    return page


@pytest.mark.soak
async def test_what_was_disabled_together_is_restored_after_a_reload(
    installation: Installation, open_page: Open, group: str
) -> None:
    page = await opened(open_page, installation)
    press = page.keyboard.press
    await press("/")
    await page.keyboard.type(group)
    await press("Enter")  # to the list
    await expect(page.get_by_role("grid", name="Jobs")).to_be_focused()
    await press("a")
    await expect(page.get_by_text("40 of 40 jobs chosen")).to_be_visible()
    await press("d")
    await expect(page.get_by_role("dialog").get_by_text(f"All that fit “{group}”.")).to_be_visible()
    await page.keyboard.type("pumps are serviced")
    await press("Enter")
    await expect(page.get_by_text("38 of 38 disabled.")).to_be_visible()
    await expect(page.get_by_role("dialog").get_by_role("button", name="Close").last).to_be_focused()
    await press("Escape")
    await expect(page.get_by_role("grid", name="Jobs")).to_be_focused()
    assert enabled(installation, group) == set()
    [job] = [job for job in jobs_of(installation, group) if job["jobName"] == "pump-00"]
    assert "pumps are serviced" in msgspec.json.encode(installation.get(f"/jobs/{job['id']}/history")).decode()

    await page.reload()  # the way back outlives the page
    await expect(page.get_by_text("38 jobs were disabled here")).to_be_visible()
    await press("u")
    await expect(page.get_by_text("38 of 38 enabled.")).to_be_visible()
    assert enabled(installation, group) == ALL_BUT_TWO
    await press("Escape")
    await expect(page.get_by_text("38 jobs were disabled here")).to_be_hidden()


@pytest.mark.soak
async def test_a_command_carries_the_filter_shown_and_is_off_when_it_fits_other_jobs(
    installation: Installation, open_page: Open, group: str
) -> None:
    page = await opened(open_page, installation)
    search = page.get_by_role("searchbox", name="Filter by name")
    await search.fill(f"{group} pump-1")
    await expect(page.get_by_text(re.compile(r"10 of \d+ jobs fit"))).to_be_visible()
    await page.get_by_role("link", name="pump-17").click()
    await page.go_back()
    await page.reload()
    await expect(search).to_have_value(f"{group} pump-1")
    await page.get_by_role("button", name="Choose all 10").click()
    await page.get_by_role("button", name="Disable 10…").click()
    sheet = page.get_by_role("dialog", name="Disable 10 jobs")
    await expect(sheet.get_by_text(f"All that fit “{group} pump-1”.")).to_be_visible()

    extra = created(installation, group, "pump-1x")
    try:
        confirm = sheet.get_by_role("button", name="Disable 10")
        await expect(confirm).to_have_attribute("aria-disabled", "true")
        await expect(sheet.get_by_text("11 jobs by now, 10 listed")).to_be_visible()
        await confirm.click(force=True)
        assert len(enabled(installation, group)) == FORTY - 1
        await sheet.get_by_role("button", name="Take the list of now").click()
        await expect(page.get_by_role("dialog", name="Disable 11 jobs")).to_be_visible()
        await page.keyboard.press("Escape")
        # What the filter lets go of is not chosen any more.
        await search.fill(f"{group} pump-17")
        await expect(page.get_by_text("1 of 1 job chosen")).to_be_visible()
    finally:
        installation.delete(f"/jobs/{extra}")


@pytest.mark.soak
async def test_what_is_refused_is_said_for_each_and_the_rest_is_done(
    installation: Installation, open_page: Open, group: str
) -> None:
    page = await opened(open_page, installation, f"?group={group}")
    await page.keyboard.press("a")
    await page.keyboard.press("d")
    sheet = page.get_by_role("dialog")
    await expect(sheet.get_by_role("listitem").nth(3)).to_contain_text("enabled → disabled")
    # Someone else is first with one of them: it is not ours to restore.
    [one] = [job for job in jobs_of(installation, group) if job["jobName"] == "pump-03"]
    installation.api.put(f"/jobs/{one['id']}/status", json={"status": "1"}).raise_for_status()
    await sheet.get_by_role("button", name="Disable 38").click()
    await expect(sheet.get_by_text("37 of 38 disabled, 1 refused.")).to_be_visible()
    first = sheet.get_by_role("listitem").first
    await expect(first).to_contain_text("pump-03")
    await expect(first).to_contain_text("version")
    assert enabled(installation, group) == set()
    await sheet.get_by_role("button", name="Undo").click()
    await expect(page.get_by_text("37 of 37 enabled.")).to_be_visible()
    assert enabled(installation, group) == ALL_BUT_TWO - {"pump-03"}


@pytest.mark.soak
async def test_a_job_is_run_from_its_line(installation: Installation, open_page: Open, group: str) -> None:
    page = await opened(open_page, installation, f"?group={group}")
    await page.keyboard.press("j")  # to the list: the group's line
    await page.keyboard.press("j")
    await page.keyboard.press("t")
    await page.get_by_role("dialog", name="Run 1 job").get_by_role("button", name="Run 1").click()
    link = page.get_by_role("link", name="its run")
    await expect(link).to_be_visible()
    run_id = str(await link.get_attribute("href")).rpartition("/")[2]
    assert installation.ended_run(run_id)["trigger"] == "manual"


@pytest.mark.soak
async def test_names_of_every_kind_are_text_and_are_found(installation: Installation, open_page: Open) -> None:
    name = "unicode"
    ids = [created(installation, name, one, labels={"team": "<i>sea</i>"}) for one in HOSTILE]
    try:
        page = await opened(open_page, installation, f"?group={name}")
        for one in HOSTILE:
            await expect(page.get_by_role("link", name=one.replace("e\u0301", "é"), exact=True)).to_be_visible()
        assert await page.locator("[role=grid] :is(b, i)").count() == 0
        await page.get_by_role("searchbox", name="Filter by name").fill("CALIŞ")
        await expect(page.get_by_text(re.compile(r"1 of \d+ jobs fits"))).to_be_visible()
    finally:
        for one in ids:
            installation.delete(f"/jobs/{one}")


def columns(count: int) -> dict[str, Any]:
    """An index of many jobs, every eighth disabled, every hundredth failing."""
    empty = ("lastNominalAt", "lastStartedAt", "lastError", "pendingSince", "streakSince", "words")
    every: Mapping[str, Sequence[Any]] = {
        "id": [f"j{n}" for n in range(count)],
        "group": [f"group-{n // 50:03d}" for n in range(count)],
        "name": [f"name-{n:05d}" for n in range(count)],
        "status": ["1" if n % 8 == 0 else "0" for n in range(count)],
        "streak": [-2 if n % 100 == 1 else 9 for n in range(count)],
        "lastStatus": ["failed" if n % 100 == 1 else "succeeded" for n in range(count)],
        "labels": [{"tier": str(n % 3)} for n in range(count)],
        "isRunning": [False] * count,
    }
    constant = dict.fromkeys(empty) | {
        "cronExpression": "0 2 * * *",
        "timezone": "UTC",
        "queue": "default",
        "invokeTarget": "demo.noop",
        "version": 1,
        "updatedAt": "2026-11-30T09:00:00.000Z",
        "nextFireAt": "2026-12-01T02:00:00.000Z",
        "lastRunId": "r1",
        "lastFinishedAt": "2026-11-30T02:00:00.000Z",
        "lastDurationMs": 900,
        "medianMs": 900,
    }
    return {**every, **{name: [value] * count for name, value in constant.items()}}


async def of_ten_thousand(open_page: Open, height: int) -> Page:
    """A page that will find so many jobs."""
    index = {"at": "2026-11-30T09:00:00.000Z", "count": 10_000, "columns": columns(10_000)}
    page = await open_page("about:blank", viewport={"width": 1440, "height": height})
    await page.route("**/v1/monitor/jobs-index", lambda route: route.fulfill(json=index))
    await page.route("**/v1/monitor/ledger/strips?*", no_strips)
    return page


@pytest.mark.soak
async def test_ten_thousand_jobs_are_few_elements_and_few_requests(installation: Installation, open_page: Open) -> None:
    asked: list[Request] = []
    page = await of_ten_thousand(open_page, height=2000)
    page.on("request", lambda request: asked.append(request) if "strips" in request.url else None)
    await page.goto(f"{installation.record.api}/console/jobs")
    await page.get_by_role("button", name="Unfold all").click()
    grid = page.get_by_role("grid", name="Jobs")
    await expect(grid).to_have_attribute("aria-rowcount", str(10_000 + 200 + 1))
    await grid.focus()
    for key in ("End", "PageUp", "PageUp", "Home", "PageDown"):
        await page.keyboard.press(key)
        await expect(page.locator(".line.active")).to_be_in_viewport()
        assert await page.evaluate("document.getElementsByTagName('*').length") <= MOST_NODES
    await page.get_by_role("searchbox", name="Filter by name").fill("name-0777")
    await expect(grid).to_have_attribute("aria-rowcount", "11")
    assert all(request.url.count("jobId=") <= 200 for request in asked)
    assert len(asked) < 30, len(asked)


MARK = "document.querySelectorAll('[role=grid] [role=row]').forEach(row => (row.dataset.kept = ''))"
RESTED = """
() => new Promise(done => {
  const from = document.querySelector('[role=grid] [role=row]').ariaRowIndex;
  const look = () => {
    const rows = [...document.querySelectorAll('[role=grid] [role=row]')];
    const places = rows.map(row => Number(row.ariaRowIndex));
    const sorted = places.every((place, n) => n === 0 || place === places[n - 1] + 1);
    if (!sorted || rows[0].ariaRowIndex === from) return requestAnimationFrame(look);
    done(rows.map((row, n) => [places[n], row.querySelector('.name').title, 'kept' in row.dataset]));
  };
  addEventListener('scrollend', look, { once: true });
})
"""


async def scrolled(page: Page, by: int) -> list[tuple[int, str, bool]]:
    """The rows of the list once it rests: the place of each, its job, and whether it was there before."""
    await page.evaluate(MARK)
    rested = asyncio.create_task(page.evaluate(RESTED), name="wait for rows")
    await page.mouse.move(700, 500)
    await page.mouse.wheel(0, by)
    return await rested


@pytest.mark.soak
async def test_rows_take_other_lines_in_their_order_and_the_focus_stays_in_the_list(
    installation: Installation, open_page: Open
) -> None:
    page = await of_ten_thousand(open_page, height=800)
    await page.goto(f"{installation.record.api}/console/jobs?sort=next")
    grid = page.get_by_role("grid", name="Jobs")
    await expect(grid.get_by_role("row").nth(3)).to_be_visible()
    await scrolled(page, 1_000)
    await page.get_by_role("switch", name="group-000/name-00025 enabled").focus()

    rows = await scrolled(page, 20_000)
    assert [name[-5:] for _, name, _ in rows] == [f"{index - 1:05}" for index, _, _ in rows]
    assert rows[0][0] > 20_000 / 42 - 30
    assert len([index for index, _, kept in rows if not kept]) <= 1, "the rows are those of before"
    await expect(grid).to_be_focused()
    assert await page.evaluate("scrollY") >= 20_000, "who scrolls away is not called back"

    index, name, _ = rows[len(rows) // 2]
    box = page.get_by_role("checkbox", name=f"Select {name}")
    await box.click()
    rows = await scrolled(page, -200)
    assert index in [one for one, _, _ in rows]
    await expect(box).to_be_focused()
    await expect(box).to_be_checked()

    await page.evaluate("document.activeElement.blur()")
    await page.keyboard.press("j")
    await page.keyboard.press("j")
    await expect(grid).to_be_focused()
    await expect(page.locator(".line.active")).to_contain_text(f"{index:05}")  # the one after it
    await page.evaluate("scrollTo(0, 0)")
    await expect(page.get_by_role("checkbox", name="Select group-000/name-00000")).not_to_be_checked()


@pytest.mark.soak
async def test_a_list_at_rest_asks_nothing_while_hours_pass(rig: MakeRig, open_page: Open) -> None:
    async with rig() as api, served(api) as url:
        now = datetime.fromtimestamp(api.parts.now_ms(0) / 1000, UTC)
        cron = f"0 {(now + timedelta(hours=12)).hour} * * *"
        body = {"jobName": "one", "invokeTarget": "demo.noop", "cronExpression": cron}
        assert (await api.http.post("/v1/monitor/jobs?allowUnknownExecutor=true", json=body)).status_code == 201
        page = await open_page(f"{url}/console/jobs")
        await expect(page.get_by_role("img", name="one, the last 24 hours")).to_be_visible()
        async with page.expect_response("**/jobs-index"):  # once more: the first may have been a second old
            pass
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url) if is_asked(request.url) else None)
        coming = page.locator(".job .next")
        for hours in (1.1, 2, 3, 6):  # each is a tick of the page, in which what is due by the one before is asked for
            shown = await coming.inner_text()
            await page.clock.set_fixed_time(now + timedelta(hours=hours))
            await expect(coming).not_to_have_text(shown)
            if hours <= 2:  # what the job that was just created is asked for, it is asked for once
                asked.clear()
        assert asked == []


def is_asked(url: str) -> bool:
    """Neither a stream nor, since there is no scheduler, whether the stores are well."""
    return "/stream" not in url and not url.endswith("/readyz")


async def no_strips(route: Route) -> None:
    await route.fulfill(json={"from": "2026-11-30T00:00:00Z", "to": "2026-12-01T00:00:00Z", "edges": None, "items": []})


@pytest.mark.parametrize(
    ("width", "scheme"),
    [
        (320, "light"),
        (1440, "dark"),
        pytest.param(320, "dark", marks=pytest.mark.soak),
        pytest.param(1440, "light", marks=pytest.mark.soak),
    ],
)
async def test_axe_finds_nothing_in_the_list_and_its_sheet(
    installation: Installation, open_page: Open, group: str, scheme: str, width: int
) -> None:
    size = {"width": width, "height": 900}
    page = await opened(open_page, installation, f"?group={group}", color_scheme=scheme, viewport=size)
    await expect(line_of(page, group)).to_be_visible()
    await page.keyboard.press("a")
    await expect(page.get_by_text("40 of 40 jobs chosen")).to_be_visible()
    assert await flaws(page) == []
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    await page.keyboard.press("d")
    await expect(page.get_by_role("dialog")).to_be_visible()
    assert await flaws(page) == []
    await page.keyboard.press("Escape")
    await page.keyboard.press("v")
    await page.get_by_role("searchbox").fill("no such job")
    await expect(page.get_by_text("No job fits “no such job”")).to_be_visible()
    assert await flaws(page) == []


@pytest.mark.soak
async def test_a_caller_who_may_only_list_sees_all_and_is_told_what_is_missing(serve: Serve, open_page: Open) -> None:
    async with serve(keyed=True) as (api, url):
        page = await open_page(f"{url}/console/jobs")
        await page.get_by_label("Key or token").fill(await api.key("list", name="viewer"))
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("heading", name="Three ways to a first job")).to_be_visible()
        assert await flaws(page) == []
        body = {"jobName": "one", "invokeTarget": "demo.noop", "cronExpression": "0 4 * * *"}
        assert (await api.http.post("/v1/monitor/jobs?allowUnknownExecutor=true", json=body)).status_code == 201
        await expect(page.get_by_role("link", name="one", exact=True)).to_be_visible()
        await expect(page.get_by_text("Needs the scope query; you are key:viewer with list.")).to_be_visible()
        await page.keyboard.press("a")
        for name, scope in (("Disable 1…", "changeStatus"), ("Run 1…", "run")):
            button = page.get_by_role("button", name=name)
            await expect(button).to_have_attribute("aria-disabled", "true")
            await button.focus()
            await expect(page.get_by_role("tooltip").filter(has_text=f"Needs the scope {scope}")).to_be_visible()
        assert await flaws(page) == []


@pytest.mark.soak
async def test_what_is_known_stays_while_the_api_is_away_and_is_mended_by_itself(
    installation: Installation, open_page: Open, group: str
) -> None:
    page = await opened(open_page, installation, f"?group={group}")
    await expect(page.get_by_role("link", name="pump-05")).to_be_visible()
    lists = re.compile(r"/v1/monitor/jobs(-index|\?)")
    await page.route(lists, lambda route: route.abort())
    extra = created(installation, group, "pump-99")
    try:
        await expect(page.get_by_text("The jobs are not up to date")).to_be_visible()
        await expect(page.get_by_role("link", name="pump-05")).to_be_visible()
        await page.unroute(lists)
        await expect(page.get_by_text(f"41 of {len(all_jobs(installation))} jobs fit")).to_be_visible()
        await expect(page.get_by_text("The jobs are not up to date")).to_be_hidden()
    finally:
        installation.delete(f"/jobs/{extra}")
