"""Who asks, in a browser: a key is asked for where keys are, kept in the tab, handed on, and asked for again."""

from __future__ import annotations

import re
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from tests.e2e.console.conftest import Open, Serve
from tests.integration.api.conftest import MakeRig
from tests.integration.api.rig import Rig, served
from tests.integration.api.routes.test_console import reached
from tests.support.watched import Watched, flaws
from waterclock.store import api_keys
from waterclock_dev.servers.ports import free_port

pytestmark = pytest.mark.soak

SLOW = 20_000  # ms; two cores may have much else to do


async def sign_in(page: Page, key: str) -> None:
    await page.get_by_label("Key or token").fill(key, timeout=SLOW)
    await page.get_by_role("button", name="Sign in", exact=True).click()


async def revoke(rig: Rig, key: str) -> None:
    async with rig.parts.reading() as connection:
        assert await api_keys.revoke(connection, key.split("_")[1])
    await rig.parts.access.keyring.read()


async def test_a_key_opens_the_page_and_its_new_tabs_and_is_written_nowhere(serve: Serve, open_page: Open) -> None:
    async with serve(keyed=True) as (api, url):
        key = await api.key("list", "query", name="viewer")
        page = await open_page(f"{url}/console/jobs")
        await expect(page.get_by_role("heading", level=1, name=re.compile("Sign in"))).to_be_visible(timeout=SLOW)
        assert await flaws(page) == []

        await sign_in(page, "wck_nonsense")
        await expect(page.get_by_text("That did not open it")).to_be_visible(timeout=SLOW)
        await sign_in(page, key)
        await expect(page.get_by_role("button", name=re.compile("viewer"))).to_be_visible(timeout=SLOW)
        await expect(page.get_by_role("heading", level=1)).to_have_text("Jobs")

        beside = await page.context.new_page()
        await beside.goto(f"{url}/console/jobs")
        await expect(beside.get_by_role("button", name=re.compile("viewer"))).to_be_visible(timeout=SLOW)
        kept = await page.evaluate("JSON.stringify([location.href, {...localStorage}, document.cookie, history.state])")
        assert key not in kept

        await page.get_by_role("button", name=re.compile("viewer")).click()
        for one in (page, beside):
            await expect(one.get_by_label("Key or token")).to_be_visible(timeout=SLOW)
            assert await one.evaluate("JSON.stringify({...sessionStorage})") == "{}"


async def test_under_a_prefix_each_tab_asks_for_itself(rig: MakeRig, open_page: Open, tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        http, url = await stack.enter_async_context(reached(rig, "kept", tmp_path))
        key = http.headers["Authorization"].removeprefix("Bearer ")
        page = await open_page(f"{url}/console/")
        await sign_in(page, key)
        await expect(page.get_by_role("button", name=re.compile("rig"))).to_be_visible(timeout=SLOW)
        beside = await page.context.new_page()
        await beside.goto(f"{url}/console/")
        await expect(beside.get_by_label("Key or token")).to_be_visible(timeout=SLOW)
        await open_page.close()


async def test_a_key_that_ends_loses_nothing_that_was_typed(serve: Serve, open_page: Open) -> None:
    async with serve(keyed=True) as (api, url):
        await api.worker()
        job = await api.create()
        first, second = await api.key("admin", name="first"), await api.key("admin", name="second")
        page = await open_page(f"{url}/console/jobs/{job['id']}")
        await sign_in(page, first)
        await page.get_by_role("button", name="Run now…").click(timeout=SLOW)
        await page.get_by_label("Reason").fill("asked by phone")
        await revoke(api, first)
        await expect(page.get_by_text("has expired or was revoked")).to_be_visible(timeout=SLOW)
        assert await flaws(page) == []
        await sign_in(page, second)
        await expect(page.get_by_label("Reason")).to_have_value("asked by phone", timeout=SLOW)
        await page.get_by_role("button", name="Run now", exact=True).click()
        await expect(page.get_by_role("main").get_by_text("It is stored; the run begins")).to_be_visible(timeout=SLOW)
        await api.caught_up()
        (run,) = (await api.http.get("/v1/monitor/runs")).json()["items"]
        assert run["reason"] == "asked by phone"


async def test_what_a_key_may_not_do_is_there_and_says_why(serve: Serve, open_page: Open) -> None:
    async with serve(keyed=True) as (api, url):
        await api.worker()
        job = await api.create()
        page = await open_page(f"{url}/console/jobs/{job['id']}")
        await sign_in(page, await api.key("list", "query", name="viewer"))
        for name, scope in (("Run now…", "run"), ("Backfill…", "run"), ("Disable…", "changeStatus")):
            button = page.get_by_role("button", name=name)
            await expect(button).to_be_disabled(timeout=SLOW)
            told = f"Needs the scope {scope}; you are key:viewer with list, query."
            await expect(button).to_have_accessible_description(told)
            await button.focus()
            await expect(button).to_be_focused()
        assert await flaws(page) == []


async def test_an_api_that_is_away_is_said_and_comes_back(rig: MakeRig, open_page: Open, watched: Watched) -> None:
    async with rig() as api:
        port = free_port()
        async with served(api, port) as url:
            page = await open_page(f"{url}/console/")
            live = page.get_by_role("button", name=re.compile("Changes: live"))
            await expect(live).to_be_visible(timeout=SLOW)
        lost = page.get_by_role("button", name=re.compile("Changes: lost"))
        await expect(lost).to_be_visible(timeout=60_000)
        await expect(page.get_by_role("region", name="Waterline")).to_contain_text("No news since")
        assert await flaws(page) == []
        # As long as nobody answers: once somebody does the page notices by itself, and there may be nothing to click.
        async with page.expect_request("**/pulse/stream"):
            await lost.click()
        async with served(api, port):
            await expect(live).to_be_visible(timeout=60_000)
            await open_page.close()
    watched.overlook("ERR_CONNECTION_REFUSED")
