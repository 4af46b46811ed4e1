"""Plain HTTP on the name of a host, which is no secure context: no Web Locks, no clipboard, and all of it works."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import Locator, Page, expect

from tests.e2e.console.conftest import Open, Serve
from tests.integration.api.rig import RUNS

pytestmark = pytest.mark.soak

HOST = "waterclock.test"
"""The browser of the tests takes it for this machine."""


def live(page: Page) -> Locator:
    return page.get_by_role("button", name=re.compile("Changes: live"))


async def pasted(page: Page) -> str:
    """What is on the clipboard, by pasting it into the palette's field."""
    await page.keyboard.press("Control+k")
    field = page.get_by_role("combobox")
    await expect(field).to_be_focused()
    await page.keyboard.press("Control+v")
    text = await field.input_value()
    await page.keyboard.press("Escape")
    return text


async def test_screens_copying_two_tabs_and_commands(serve: Serve, open_page: Open) -> None:
    async with serve(keyed=True) as (api, local):
        url = local.replace("127.0.0.1", HOST)
        worker = await api.worker()
        job = (await api.create(concurrent="0", cronExpression="0 3 * * *"))["id"]
        run = await api.trigger(job)
        await worker.step(await worker.claim_one(), "One", "line one", "line two")
        await api.caught_up()

        page = await open_page(f"{url}/console/")
        assert await page.evaluate("[isSecureContext, 'locks' in navigator, 'clipboard' in navigator]") == [False] * 3
        await expect(page.get_by_text("who listens on the way can read the key")).to_be_visible()
        await page.get_by_label("Key or token").fill(await api.key("admin", name="ann"))
        await page.get_by_role("button", name="Sign in", exact=True).click()
        await expect(page.get_by_role("region", name="Waterline")).to_be_visible()
        await expect(live(page)).to_be_visible()

        second = await page.context.new_page()
        streams: list[str] = []
        second.on("request", lambda one: streams.append(one.url) if one.url.endswith("pulse/stream") else None)
        await second.goto(f"{url}/console/jobs")
        await expect(second.get_by_role("row", name=re.compile("nightly"))).to_be_visible()
        await expect(live(second)).to_be_visible()
        assert streams == []

        await page.goto(f"{url}/console/jobs/{job}?at=2026-11-29T03:00:00Z")
        explained = page.get_by_role("complementary", name="Explanation")
        await explained.get_by_role("button", name="Copy link").click()
        await expect(page.get_by_text("The link is copied.")).to_be_attached()
        assert await pasted(page) == page.url

        await page.get_by_role("button", name="Run now…").click()
        await page.get_by_label("Reason").fill("by plain HTTP")
        await page.get_by_role("button", name="Run now", exact=True).click()
        await expect(page.get_by_role("main").get_by_text("It is stored; the run begins")).to_be_visible()
        await expect(second.get_by_role("row", name=re.compile("nightly.*queued"))).to_be_visible()

        await page.goto(f"{url}/console/runs/{run}")
        await expect(page.get_by_role("log")).to_contain_text("line two")
        await expect(page.get_by_text("Lines are shown as they are written.")).to_be_visible()
        await page.get_by_role("button", name="Copy", exact=True).click()
        await page.get_by_role("button", name="Text alone").click()
        await expect(page.get_by_text("Copied.")).to_be_attached()
        assert "line one" in await pasted(page)

        await page.close()  # the other tab takes the stream
        await api.create(jobName="later")
        await expect(second.get_by_role("row", name=re.compile("later"))).to_be_visible()
        await expect(live(second)).to_be_visible()
        await api.caught_up()
        assert [one["reason"] for one in (await api.http.get(RUNS)).json()["items"]] == ["by plain HTTP", None]
