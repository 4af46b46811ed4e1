"""The API reference in a browser: it is drawn under its policy, and shows what a route answers."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from tests.e2e.console.conftest import Open
from tests.support.installation import Installation

pytestmark = pytest.mark.soak


async def test_a_route_can_be_tried_under_the_policy(installation: Installation, open_page: Open) -> None:
    page = await open_page(f"{installation.record.api}/api")
    policy = await page.evaluate("fetch('').then(answer => answer.headers.get('content-security-policy'))")
    assert "require-trusted-types-for 'script'" in policy
    assert "unsafe-" not in policy
    route = page.locator(".opblock", has=page.locator('[data-path="/livez"]'))
    await route.locator(".opblock-summary-control").click()
    await route.get_by_role("button", name="Try it out").click()
    await route.get_by_role("button", name="Execute").click()
    await expect(route.locator(".live-responses-table .response-col_status").last).to_contain_text("200")
