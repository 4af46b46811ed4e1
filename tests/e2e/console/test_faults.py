"""What goes wrong on the way, in a browser: lost answers, gateways without an API, keys, names that deceive."""

from __future__ import annotations

import re
import unicodedata
from typing import Any
from urllib.parse import quote

import pytest
from playwright.async_api import Page, Route, expect

from tests.e2e.console.conftest import Open
from tests.support.installation import Installation

pytestmark = pytest.mark.soak

SLOW = 20_000  # ms; two cores may have much else to do
GATEWAY: dict[str, Any] = {"status": 502, "content_type": "text/html", "body": "<html><h1>Bad Gateway</h1></html>"}


def made(installation: Installation, name: str, **more: Any) -> dict[str, Any]:
    return installation.post("jobs", {"jobName": name, "jobGroup": "faults", "invokeTarget": "demo.noop", **more})


async def test_a_command_whose_answer_was_lost_is_done_once(installation: Installation, open_page: Open) -> None:
    job = made(installation, "lost")
    page = await open_page(f"{installation.record.api}/console/jobs/{job['id']}")
    keys: list[str | None] = []

    async def lose_the_first(route: Route) -> None:
        keys.append(await route.request.header_value("idempotency-key"))
        if len(keys) == 1:
            assert (await route.fetch()).status == 202
            await route.fulfill(**GATEWAY)
        else:
            await route.continue_()

    await page.route("**/trigger", lose_the_first)
    run_now = page.get_by_role("button", name="Run now…")
    await run_now.focus(timeout=SLOW)
    await page.keyboard.press("Space")  # the bar presses a button, and pauses the page elsewhere
    dialog = page.get_by_role("dialog", name=re.compile("Run "))
    send = dialog.get_by_role("button", name="Run now", exact=True)
    await send.click(timeout=SLOW)
    await expect(dialog).to_contain_text("It may have been done", timeout=SLOW)
    await page.keyboard.press("Escape")
    await expect(run_now).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(dialog).to_contain_text("It may have been done")
    await send.click()
    await expect(page.get_by_role("main").get_by_text("It is stored; the run begins")).to_be_visible(timeout=SLOW)
    assert len(keys) == 2
    assert len(set(keys)) == 1
    installation.until(lambda: installation.get(f"runs?jobId={job['id']}&status=succeeded")["items"])
    assert len(installation.get(f"runs?jobId={job['id']}")["items"]) == 1


async def test_a_gateway_without_an_api_is_asked_again(installation: Installation, open_page: Open) -> None:
    made(installation, "behind")
    page = await open_page("about:blank")
    left = {"me": 1, "jobs-index": 1}

    async def without(route: Route) -> None:
        name = route.request.url.rpartition("/")[2]
        left[name] -= 1
        await (route.fulfill(**GATEWAY) if left[name] >= 0 else route.continue_())

    await page.route(re.compile("/v1/monitor/(me|jobs-index)$"), without)
    await page.goto(f"{installation.record.api}/console/jobs")
    await expect(page.get_by_role("group", name="The API cannot be reached")).to_contain_text("Next try in")
    await expect(page.get_by_role("group", name="The jobs cannot be shown")).to_contain_text("gateway")
    await expect(page.get_by_text("behind").first).to_be_visible()
    await expect(page.get_by_role("group", name="The jobs cannot be shown")).to_have_count(0)


async def test_the_sheet_that_asks_for_a_key_stays(installation: Installation, open_page: Open) -> None:
    page = await open_page("about:blank")
    await page.route("**/v1/monitor/**", lambda route: route.fulfill(status=401, body="{}"))
    await page.goto(f"{installation.record.api}/console/")
    field = page.get_by_label("Key or token")
    await expect(field).to_be_focused(timeout=SLOW)
    for _ in range(3):  # a browser lets the second one close what refused the first
        await page.keyboard.press("Escape")
    await expect(field).to_be_focused()


async def test_names_of_every_kind_are_text_and_lead_to_their_job(installation: Installation, open_page: Open) -> None:
    name = "café <img src=x onerror=alert(1)> at 03:00 日本 👩‍🚀 %2F?#&"
    job = made(installation, name, labels={"k": "<b>v"}, remark="javascript:alert(1) <script>")
    parts = "/".join(quote(unicodedata.normalize("NFD", part), safe="") for part in ("faults", name))
    page = await open_page(f"{installation.record.api}/console/jobs/by-name/{parts}")
    await expect(page.get_by_role("heading", level=1)).to_have_text(name, timeout=SLOW)
    await expect(page).to_have_url(f"{installation.record.api}/console/jobs/{job['id']}")
    await there(page, "CAFE <img src=x onerror=alert(1)> at 03:00")
    await there(page, "日本")


async def there(page: Page, typed: str) -> None:
    """The palette leads to the job of the page."""
    await page.keyboard.press("Control+k")
    await page.keyboard.type(typed)
    await expect(page.get_by_role("option", name=re.compile("café")).first).to_be_visible(timeout=SLOW)
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("combobox")).to_have_count(0)


async def test_a_key_that_may_read_nothing_is_told_which_scope_each_screen_needs(
    installation: Installation, open_page: Open
) -> None:
    job = made(installation, "closed")
    page = await open_page("about:blank")
    asked: list[str] = []

    async def as_nobody(route: Route) -> None:
        name = route.request.url.rpartition("/v1/monitor/")[2]
        if name != "me":
            asked.append(name)
            return await route.fulfill(status=403, body='{"title": "Forbidden", "detail": "No."}')
        me = await (await route.fetch()).json()
        return await route.fulfill(json={**me, "kind": "key", "name": "shut", "scopes": [], "asked": True})

    await page.route("**/v1/monitor/**", as_nobody)
    for place, scope in (("", "list"), ("jobs", "list"), (f"jobs/{job['id']}", "query"), ("runs/aaaaaa-b", "query")):
        await page.goto(f"{installation.record.api}/console/{place}")
        told = page.get_by_role("main").get_by_text(f"Needs the scope {scope}; you are key:shut with none.")
        await expect(told.first).to_be_visible(timeout=SLOW)
    assert set(asked) <= {"pulse/stream"}
