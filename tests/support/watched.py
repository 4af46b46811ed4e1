"""A browser's context that tells on its pages: nothing that a policy refuses, no error, no request to another host."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from importlib.resources import files
from typing import Any
from urllib.parse import urlsplit

from playwright.async_api import BrowserContext, ConsoleMessage, Page, Request, WebError

OURS = frozenset({"127.0.0.1", "localhost", "waterclock.test"})
TAGS = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")
_TELL = """
addEventListener("securitypolicyviolation", (event) =>
  console.error(`${event.effectiveDirective} refused ${event.blockedURI} ${event.sample} ${event.sourceFile}`));
"""
_OF_ANSWERS = "Failed to load resource:"  # said by the browser of each answer that is an error
_AXE = (files("axe_playwright_python") / "axe.min.js").read_text("utf-8")


class Watched:
    """What was seen in all pages of a context, as lines; `hosts` may be asked besides ours."""

    def __init__(self, hosts: Iterable[str] = ()) -> None:
        self.complaints: list[str] = []
        self._more = asyncio.Event()
        self._hosts = OURS | set(hosts)
        self._origins: set[str] = set()

    async def watch(self, context: BrowserContext) -> None:
        await context.add_init_script(_TELL)
        context.on("console", self._said)
        context.on("weberror", self._broke)
        context.on("request", self._asked)

    async def until(self, part: str) -> None:
        """Until a complaint has come that holds `part`."""
        async with asyncio.timeout(60):
            while not any(part in one for one in self.complaints):
                self._more.clear()
                await self._more.wait()

    def forgive(self, part: str) -> None:
        """What a test has brought about itself, and expects.

        Raises:
            AssertionError: it has not come about.
        """
        left = [one for one in self.complaints if part not in one]
        assert len(left) < len(self.complaints), f"{part!r} is not among {self.complaints}"
        self.complaints = left

    def overlook(self, part: str) -> None:
        """What may have come or not: whether a page asked while nobody answered, say."""
        self.complaints = [one for one in self.complaints if part not in one]

    def _complain(self, line: str) -> None:
        self.complaints.append(line)
        self._more.set()

    def _said(self, message: ConsoleMessage) -> None:
        if message.type not in ("error", "warning", "assert"):
            return
        where = message.location.get("url", "")
        if message.text.startswith(_OF_ANSWERS) and ("/v1/monitor/" in where or where.endswith("/readyz")):
            return  # what becomes of a refusal is what a test looks at
        self._complain(f"{message.type}: {message.text} ({where})")

    def _broke(self, error: WebError) -> None:
        self._complain(f"unhandled: {error.error}")

    def _asked(self, request: Request) -> None:
        url = urlsplit(request.url)
        if url.scheme in ("data", "blob", "about"):
            return
        if request.is_navigation_request() and url.hostname in self._hosts:
            self._origins.add(url.netloc)
        elif url.netloc not in self._origins:
            self._complain(f"request to another host: {request.url}")


async def flaws(page: Page, **more: Any) -> list[str]:
    """What axe finds in a page as it is now: rule, element, what to mend. `more`: options of `axe.run`."""
    await page.evaluate(_AXE)  # the protocol of developers' tools is not under the page's policy
    options = {"runOnly": {"type": "tag", "values": list(TAGS)}, "resultTypes": ["violations"], **more}
    found = await page.evaluate("options => axe.run(document, options)", options)
    assert found["passes"] or found["violations"], "axe has looked at nothing"
    return [
        f"{violation['id']} ({violation['impact']}): {node['target']}: {node['failureSummary']}"
        for violation in found["violations"]
        for node in violation["nodes"]
    ]
