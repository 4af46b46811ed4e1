"""One browser for all tests here, and a context of its own for each: what it tells on its pages fails the test.

Every run walks each screen; what else is tried takes minutes on a small machine, and is marked `soak`.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from typing import Any, Protocol

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Page, async_playwright, expect

from tests.e2e.console.fleet import as_at_first, kept
from tests.integration.api.conftest import MakeRig
from tests.integration.api.rig import Rig, assembled_rig, served
from tests.support.installation import Installation
from tests.support.watched import Watched
from waterclock_dev import browser as browsers

PATIENCE = 60_000  # ms: that of a machine which does much else, too
expect.set_options(timeout=PATIENCE)


class Open:
    """`await open_page(url, color_scheme="dark")`, in a context of its own with Playwright's options."""

    def __init__(self, browser: Browser, watched: Watched) -> None:
        self._browser = browser
        self._watched = watched
        self._contexts: list[BrowserContext] = []

    async def __call__(self, url: str, **options: Any) -> Page:
        context = await self._browser.new_context(**options)
        self._contexts.append(context)
        context.set_default_timeout(PATIENCE)
        await self._watched.watch(context)
        page = await context.new_page()
        await page.goto(url)
        return page

    async def close(self) -> None:
        """All pages: before what answers them goes, or they complain that it has gone."""
        while self._contexts:
            context = self._contexts.pop()
            for page in context.pages:
                await page.unroute_all(behavior="ignoreErrors")  # what is under way would fail whatever comes next
            await context.close()


class Serve(Protocol):
    """`async with serve(keyed=True) as (api, url)`: a rig of the test's own behind its server."""

    def __call__(self, **options: Any) -> AbstractAsyncContextManager[tuple[Rig, str]]: ...


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
    pages = Open(chromium, watched)
    yield pages
    await pages.close()
    assert watched.complaints == []


@pytest.fixture
def rig(redis_url: str, migrated_postgres_url: str, key_prefix: str) -> MakeRig:
    """As for the tests of the API alone."""
    return partial(assembled_rig, redis_url, migrated_postgres_url, key_prefix)


@pytest.fixture
def serve(rig: MakeRig, open_page: Open) -> Serve:
    @asynccontextmanager
    async def serving(**options: Any) -> AsyncGenerator[tuple[Rig, str]]:
        async with rig(**options) as api, served(api) as url:
            try:
                yield api, url
            finally:
                await open_page.close()

    return serving


@pytest.fixture(scope="module")
def fleet(installation: Installation) -> Iterator[str]:
    yield from kept(installation)


@pytest.fixture
def group(installation: Installation, fleet: str) -> str:
    """The group of the forty, as they were at first."""
    as_at_first(installation)
    return fleet
