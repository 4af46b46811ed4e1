"""A page of the console under a stop watch, and a bare one beside it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Generator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, NamedTuple

import msgspec
from playwright.async_api import Browser, Page, Request, ViewportSize

LONGEST = 120_000  # ms
SCROLLED = 40  # turns of the wheel
_STREAM = "/stream"

_WATCH = """
(() => {
  const watch = { frames: [], on: false };
  let last;
  const tick = (at) => {
    if (last !== undefined) watch.frames.push(at - last);
    last = at;
    if (watch.on) requestAnimationFrame(tick);
  };
  watch.record = () => {
    [watch.frames, watch.on, last] = [[], true, undefined];
    requestAnimationFrame(tick);
  };
  watch.painted = (from) =>
    new Promise((done) => requestAnimationFrame(() => setTimeout(() => done(performance.now() - from))));
  watch.when = (is, from) =>
    new Promise((done) => {
      // By what changes, not frame by frame: frames that nobody else wants would be counted, too.
      const observer = new MutationObserver(() => look());
      const look = () => {
        if (!is()) return;
        observer.disconnect();
        watch.painted(from).then(done);
      };
      observer.observe(document, { subtree: true, childList: true, characterData: true, attributes: true });
      look();
    });
  watch.shows = (selector, text, label) => () =>
    [...document.querySelectorAll(selector)].some(
      (one) =>
        (text === '' || one.textContent.includes(text)) &&
        (label === null || (one.getAttribute('aria-label') ?? '').includes(label)),
    );
  globalThis.stopWatch = watch;
})();
"""
_LOOP = """
() => {
  const began = performance.now();
  let sum = 0;
  for (let n = 0; n < 20_000_000; n += 1) sum = (sum + n) | 0;
  return sum === 1 ? 0 : performance.now() - began;
}
"""
_PAINT = """
() => new Promise((done) => {
  new PerformanceObserver((list) => {
    for (const one of list.getEntries()) if (one.name === 'first-contentful-paint') done(one.startTime);
  }).observe({ type: 'paint', buffered: true });
})
"""
_GO = """
([path, selector, text, label]) => {
  const from = performance.now();
  history.pushState(null, '', new URL(path, document.baseURI));
  dispatchEvent(new PopStateEvent('popstate'));
  return stopWatch.when(stopWatch.shows(selector, text, label), from);
}
"""
_STRIPS = """
(name) => new Promise((done) => {
  const from = performance.now();
  new PerformanceObserver((list) => {
    const answered = list.getEntries().filter((one) => one.name.includes('ledger/strips') && one.startTime >= from);
    if (answered.length > 0) stopWatch.painted(from).then(done);
  }).observe({ type: 'resource' });
  [...document.querySelectorAll('.view label')]
    .find((one) => one.textContent.trim() === name).click();
})
"""
_KEY = """
() => {
  globalThis.keyed = new Promise((done) => {
    const rows = () => document.querySelector('[role=grid]')?.getAttribute('aria-rowcount');
    const before = rows();
    addEventListener('keydown', () => {
      const from = performance.now();
      stopWatch.when(() => rows() !== before, from).then(done);
    }, { capture: true, once: true });
  });
}
"""
_CLICK = """
() => {
  globalThis.clicked = new Promise((done) => {
    addEventListener('pointerup', () => {
      const from = performance.now();
      stopWatch.when(stopWatch.shows('aside[aria-label=Explanation] p.title', '', null), from).then(done);
    }, { capture: true, once: true });
  });
}
"""
_TRANSFERRED = """
() => performance.getEntriesByType('resource')
  .filter((one) => /\\.(js|css)(\\?|$)/.test(one.name)).map((one) => one.encodedBodySize)
"""


class Bare(msgspec.Struct, frozen=True, kw_only=True):
    """All in ms."""

    paint: float
    frame: float
    loop: float


class Took(NamedTuple):
    """Both in ms. `cpu`: of the main thread, which says more where others work on the machine too."""

    ms: float
    cpu: float


class Console:
    """One page, in a context of its own."""

    def __init__(self, page: Page, session: Any, base: str) -> None:
        """`session`: of the protocol of developers' tools."""
        self.page = page
        self._session = session
        self._base = base

    async def taking(self, act: Awaitable[float], *, anew: bool = False) -> Took:
        """What an act took by its own clock, and of the processor. `anew`: it is a navigation, which sets that to 0."""
        before = 0.0 if anew else await self._busy()
        ms = await act
        return Took(ms=ms, cpu=(await self._busy() - before) * 1e3)

    async def _busy(self) -> float:
        """Seconds for which the page's main thread has had the processor."""
        told = await self._session.send("Performance.getMetrics")
        return next(one["value"] for one in told["metrics"] if one["name"] == "TaskDuration")

    async def load(self, path: str, selector: str, text: str = "") -> Took:
        """From the address bar until it is painted."""
        await self.page.goto(f"{self._base}/console/{path}", wait_until="commit")
        shown = self.page.evaluate(
            "([selector, text]) => stopWatch.when(stopWatch.shows(selector, text, null), 0)", [selector, text]
        )
        return await self.taking(shown, anew=True)

    async def go(self, path: str, selector: str, text: str, *, label: str | None = None) -> float:
        """From an address within the page until it is painted, ms."""
        return await self.page.evaluate(_GO, [path, selector, text, label])

    async def sees(self, selector: str, text: str) -> None:
        """Until it is painted."""
        await self.page.evaluate(
            "([selector, text]) => stopWatch.when(stopWatch.shows(selector, text, null), 0)", [selector, text]
        )

    async def first_paint(self) -> float:
        return await self.page.evaluate(_PAINT)

    async def transferred(self) -> list[int]:
        """Bytes of each file of script and style, as it was sent."""
        return await self.page.evaluate(_TRANSFERRED)

    async def nodes(self) -> int:
        return await self.page.evaluate("document.getElementsByTagName('*').length")

    async def record(self) -> None:
        await self.page.evaluate("stopWatch.record()")

    async def recorded(self) -> list[float]:
        """ms between frames."""
        return await self.page.evaluate("(stopWatch.on = false, stopWatch.frames)")

    async def scrolled(self) -> float:
        """p95 frame, ms."""
        await self.page.mouse.move(700, 600)
        await self.record()
        for _ in range(SCROLLED):
            await self.page.mouse.wheel(0, 300)
            await self.page.wait_for_timeout(30)
        return p95(await self.recorded())

    async def key_in_filter(self, key: str) -> Took:
        await self.page.get_by_role("searchbox").first.focus()  # what finds it is the bench's, and takes long
        await self.page.evaluate(_KEY)
        return await self.taking(self._until("keyed", self.page.keyboard.press(key)))

    async def _until(self, name: str, act: Awaitable[None]) -> float:
        await act
        return await self.page.evaluate(name)

    async def strips(self, path: str, span: str) -> Took:
        """Of all rows of a list, when a span is chosen."""
        await self.load(path, ".line.job")
        await self.page.wait_for_timeout(2_000)  # those of the span before are there
        return await self.taking(self.page.evaluate(_STRIPS, span))

    async def explained(self) -> Took:
        box = await self.page.get_by_role("grid").bounding_box()
        assert box is not None, "the picture is shown"
        await self.page.evaluate(_CLICK)
        click = self.page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        return await self.taking(self._until("clicked", click))


def p95(frames: list[float]) -> float:
    return sorted(frames)[int(len(frames) * 0.95)]


async def opened(page: Page, base: str) -> Console:
    session: Any = await page.context.new_cdp_session(page)
    await session.send("Performance.enable", {"timeDomain": "threadTicks"})
    return Console(page, session, base)


@asynccontextmanager
async def window(browser: Browser, base: str, *, height: int = 900) -> AsyncGenerator[Console]:
    context = await browser.new_context(viewport=ViewportSize(width=1440, height=height))
    context.set_default_timeout(LONGEST)
    await context.add_init_script(_WATCH)
    try:
        yield await opened(await context.new_page(), base)
    finally:
        await context.close()


@contextmanager
def counted_requests(page: Page) -> Generator[list[str]]:
    """Those that are no stream."""
    found: list[str] = []

    def asked(request: Request) -> None:
        if _STREAM not in request.url:
            found.append(request.url)

    page.on("request", asked)
    try:
        yield found
    finally:
        page.remove_listener("request", asked)


async def heap_of(page: Page) -> float:
    """Bytes in use once the page has cleaned up."""
    session: Any = await page.context.new_cdp_session(page)
    try:
        await session.send("HeapProfiler.collectGarbage")
        told = await session.send("Runtime.getHeapUsage")
        return told["usedSize"]
    finally:
        await session.detach()


async def bare_page(browser: Browser) -> Bare:
    context = await browser.new_context(viewport=ViewportSize(width=1440, height=900))
    await context.add_init_script(_WATCH)
    page = await context.new_page()
    await page.goto("data:text/html,<h1>Bare</h1>")
    paint = await page.evaluate(_PAINT)
    console = await opened(page, "")
    await console.record()
    await page.wait_for_timeout(1_000)
    frame = p95(await console.recorded())
    loop = await page.evaluate(_LOOP)
    await context.close()
    return Bare(paint=paint, frame=frame, loop=loop)
