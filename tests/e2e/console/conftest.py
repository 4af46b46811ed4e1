"""One browser for all tests here, and a context of its own for each: what it tells on its pages fails the test.

Every run walks each screen; what else is tried takes minutes on a small machine, and is marked `soak`.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from functools import partial
from typing import Any, Protocol

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, async_playwright, expect

from tests.integration.api.conftest import MakeRig
from tests.integration.api.rig import assembled_rig
from tests.support.watched import Watched
from waterclock_dev import browser as browsers

PATIENCE = 60_000  # ms: that of a machine which does much else, too
expect.set_options(timeout=PATIENCE)


class Open(Protocol):
    """`await open_page(url, color_scheme="dark")`, in a context of its own with Playwright's options."""

    def __call__(self, url: str, **options: Any) -> Awaitable[Page]: ...


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The browser lives in a loop of the session, and so does whoever talks to it."""
    for item in items:
        if "chromium" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def chromium() -> AsyncGenerator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(**browsers.program().options())
        yield browser
        await browser.close()


@pytest.fixture
def watched() -> Watched:
    """What the pages of a test tell; nothing, at its end."""
    return Watched()


@pytest_asyncio.fixture(loop_scope="session")
async def open_page(chromium: Browser, watched: Watched) -> AsyncGenerator[Open]:
    contexts: list[Callable[[], Awaitable[None]]] = []

    async def opened(url: str, **options: Any) -> Page:
        context = await chromium.new_context(**options)
        context.set_default_timeout(PATIENCE)
        contexts.append(context.close)
        await watched.watch(context)
        page = await context.new_page()
        await page.goto(url)
        return page

    yield opened
    for close in contexts:
        await close()
    assert watched.complaints == []


@pytest.fixture
def rig(redis_url: str, migrated_postgres_url: str, key_prefix: str) -> MakeRig:
    """As for the tests of the API alone."""
    return partial(assembled_rig, redis_url, migrated_postgres_url, key_prefix)
