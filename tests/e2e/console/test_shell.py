"""The page of the console in a browser: under its policy, below prefixes, and what it must not do."""

from __future__ import annotations

from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from tests.e2e.console.conftest import PATIENCE, Open, Serve
from tests.integration.api.conftest import MakeRig
from tests.integration.api.routes.test_console import CSP, reached
from tests.support.installation import Installation
from tests.support.waiting import until
from tests.support.watched import Watched, flaws

PATHS = ("", "jobs/nosuch?tab=log", "runs/1/logs/")


@pytest.mark.soak
@pytest.mark.parametrize("scheme", ["dark", "light"])
@pytest.mark.parametrize("width", [320, 1280])
async def test_the_page_is_drawn_and_axe_finds_nothing(
    installation: Installation, open_page: Open, scheme: str, width: int
) -> None:
    size = {"width": width, "height": 800}
    page = await open_page(f"{installation.record.api}/console/", color_scheme=scheme, viewport=size)
    await drawn(page)
    assert await flaws(page) == []


async def test_a_browser_that_opens_the_root_is_led_to_it(installation: Installation, open_page: Open) -> None:
    page = await open_page(installation.record.api)
    assert page.url == f"{installation.record.api}/console/"
    await drawn(page)


@pytest.mark.parametrize(
    "way",
    ["alone", "kept", *(pytest.param(way, marks=pytest.mark.soak) for way in ("nginx", "stripped in silence"))],
)
async def test_it_is_drawn_below_each_prefix_from_each_path_under_one_policy(
    rig: MakeRig, open_page: Open, way: str, tmp_path: Path
) -> None:
    async with AsyncExitStack() as stack:
        _, url = await stack.enter_async_context(reached(rig, way, tmp_path))
        for path in PATHS:
            page = await open_page(f"{url}/console/{path}", ignore_https_errors=True)
            await drawn(page)
            answer = await page.reload()
            assert answer is not None
            assert answer.headers["content-security-policy"] == CSP
            await drawn(page)
            seen = await page.evaluate("performance.getEntriesByType('resource').map(one => one.name)")
            assert f"{url}/v1/monitor/me" in seen
            assert all(one.startswith(f"{url}/") for one in seen), seen
            await open_page.close()


async def test_plain_http_on_a_name_of_the_network_is_enough(serve: Serve, open_page: Open) -> None:
    async with serve(keyed=True) as (_, url):
        page = await open_page(url.replace("127.0.0.1", "waterclock.test") + "/console/")
        assert await page.evaluate("isSecureContext") is False
        await drawn(page)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ("document.body.innerHTML = '<b>'", "TrustedHTML"),
        ("document.body.setAttribute('style', 'color: red')", "style-src"),
        ("fetch('http://127.0.0.9:1/').catch(() => 0)", "connect-src"),
        ("void fetch('nosuch.js')", "404"),
        ("location.href = 'http://127.0.0.9:1/'", "another host"),
        ("setTimeout(() => { throw new Error('mine') })", "mine"),
    ],
)
async def test_what_a_page_must_not_do_is_seen(
    installation: Installation, open_page: Open, watched: Watched, wrong: str, told: str
) -> None:
    page = await open_page(f"{installation.record.api}/console/")
    await page.evaluate(f"setTimeout(() => {{ {wrong} }})")
    await watched.until(told)
    await page.context.close()
    watched.complaints.clear()


async def drawn(page: Page) -> None:
    """Until the script has put something in the place of the empty page, and has asked the API who is asking."""
    await expect(page.locator("#app")).not_to_be_empty()
    asked = "performance.getEntriesByName(new URL('../v1/monitor/me', document.baseURI)).length > 0"
    # Looked at from here: what Playwright would look with in the page is refused there.
    await until(lambda: page.evaluate(asked), within=PATIENCE / 1000, what="the API is asked who is asking")
