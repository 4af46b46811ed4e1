"""What the console takes in a browser: to be there, to be scrolled, to follow a log, to lie in a tab that nobody uses.

Two installations, one after the other. In the grown one, lists and strips: jobs by the thousand, filled past the
projector. In the running one, runs and logs: events are appended as workers would, past the scripts, and projected.

Times are the page's own, from a navigation or a key until what was asked for is painted. Beside them stands a bare
page: how soon it is painted, how evenly it is drawn, and how long a loop of additions takes there.
"""

from __future__ import annotations

import asyncio
import gzip
import time
from collections.abc import AsyncGenerator, Sequence
from importlib.resources import files
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import msgspec
import psycopg
from playwright.async_api import Browser, async_playwright

from waterclock_dev.bench import console_feed, console_parts
from waterclock_dev.bench.console_page import Bare, Console, Took, bare_page, counted_requests, heap_of, window
from waterclock_dev.bench.overview import HOURLY, Store, filled
from waterclock_dev.bench.projection import stores
from waterclock_dev.bench.spent import spent
from waterclock_dev.browser import NoBrowser, program
from waterclock_dev.servers.ports import LOOPBACK, free_port
from waterclock_dev.servers.server import ServerError

LISTENERS = 50
_GROUP = "hourly"
_SETTLES = 2.0  # s
_UNEVEN = 1.0  # ms that a frame may take longer than one of a bare page
_HIGH = 2_600  # px: a window that shows all of them
_KINDS = (".js", ".css", ".html")


class Size(msgspec.Struct, frozen=True, kw_only=True):
    """How much it is. `live_s` and so on: for how long it is looked at; `parts`: which of PARTS are measured."""

    parts: frozenset[str]
    jobs: int
    runs: int
    lines: int
    live_s: float
    rest_s: float
    pulse_s: float


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """`value` and `most` in `unit`; no budget where `most` is None. `cpu`: ms of the page's main thread."""

    what: str
    value: float | None
    most: float | None
    unit: str = "ms"
    cpu: float | None = None


def took(what: str, found: Took, most: float | None) -> Figure:
    return Figure(what=what, value=found.ms, most=most, cpu=found.cpu)


async def measure(size: Size) -> AsyncGenerator[Figure]:
    """Figure by figure, as they are found.

    Raises:
        ServerError: there is no browser, or a server does not start.
    """
    try:
        options = program().options()
    except NoBrowser as error:
        raise ServerError(f"no browser: {error}") from error
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(**options)
        try:
            bare = await bare_page(browser)
            yield Figure(what="bare: an empty page is painted", value=bare.paint, most=None)
            yield Figure(what="bare: its p95 frame", value=bare.frame, most=None)
            yield Figure(what="bare: 20 million additions", value=bare.loop, most=None)
            if not size.parts.isdisjoint(console_parts.GROWN):
                async for one in _grown(browser, size, bare):
                    yield one
            if not size.parts.isdisjoint(console_parts.RUNNING):
                async for one in _running(browser, size):
                    yield one
        finally:
            await browser.close()


async def _grown(browser: Browser, size: Size, bare: Bare) -> AsyncGenerator[Figure]:
    async with stores() as (stage, url, _):
        # What is read waits for what the log has, which is one event: it is projected, then others come beside.
        async with stage.projector(url):
            await console_feed.projected(url, 1)
        store = await asyncio.to_thread(filled, url, runs=size.runs, jobs=size.jobs)
        await asyncio.to_thread(_name_hourly, url, store.ids[1 : HOURLY + 1])
        port = free_port()
        async with stage.api(url, port=port, streams=LISTENERS + 10, env={"WATERCLOCK_READ_TIMEOUT": "60"}) as api:
            base = f"http://{LOOPBACK}:{port}"
            async with window(browser, base) as console:
                async for one in _listed(console, size, store, bare):
                    yield one
            if "strips" in size.parts:
                async with window(browser, base, height=_HIGH) as console:
                    strips = await console.strips(f"jobs?q={_GROUP}", "30 d")
                    yield took(f"strips of {HOURLY} jobs × 30 days, answered and painted", strips, 300)
            if "pulse" in size.parts:
                yield await _pulse(base, api.pid, size.pulse_s)


async def _listed(console: Console, size: Size, store: Store, bare: Bare) -> AsyncGenerator[Figure]:
    if "jobs" in size.parts:
        what = f"Jobs with {size.jobs}: data there"
        yield took(f"{what}, the first time", await _jobs(console), None)
        yield took(what, await _jobs(console), 1_200)
        yield took("  p95 frame while it is scrolled", await console.taking(console.scrolled()), bare.frame + _UNEVEN)
        yield took("  a key in the filter", await console.key_in_filter("7"), 50)
        yield Figure(what="  DOM nodes", value=await console.nodes(), most=1_500, unit="")
    if "job" in size.parts:
        hourly, minutely = store.ids[1], store.ids[0]
        yield took("Job: a month of an hourly job", await _channel(console, hourly, "month"), 300)
        yield took("  explained after a click", await console.explained(), 200)
        what = f"Job: a year of a minutely one ({store.minutes} instants)"
        yield took(what, await _channel(console, minutely, "year"), 800)
    if "rest" in size.parts:
        async for one in _at_rest(console, size.rest_s):
            yield one


async def _running(browser: Browser, size: Size) -> AsyncGenerator[Figure]:
    async with stores() as (stage, url, _):
        # Before the projector is there: at its start it looks for runs that only the archive has, and ends them.
        feed = await asyncio.to_thread(console_feed.Feed, stage)
        seq = await asyncio.to_thread(feed.ended_runs, size.lines)
        port = free_port()
        async with stage.projector(url), stage.api(url, port=port, streams=LISTENERS + 10) as api:
            await console_feed.projected(url, seq)
            base = f"http://{LOOPBACK}:{port}"
            async with window(browser, base) as console:
                if "shell" in size.parts:
                    async for one in _shell(console):
                        yield one
                if "run" in size.parts:
                    async for one in _run(console, size):
                        yield one
            if "live" in size.parts:
                async with window(browser, base) as console:
                    async for one in _live(console, feed, size.live_s):
                        yield one
            if "busy-pulse" in size.parts:
                feeding = asyncio.create_task(
                    asyncio.to_thread(feed.short_runs, size.pulse_s * 3 + 10), name="feed runs"
                )
                yield await _pulse(base, api.pid, size.pulse_s, busy=True)
                await feeding


async def _shell(console: Console) -> AsyncGenerator[Figure]:
    await console.load("jobs", ".line.job")
    sizes = await console.transferred()
    data = await console.load("jobs", ".line.job")
    yield Figure(what="shell: first paint", value=await console.first_paint(), most=500)
    yield took("  first data", data, 1_000)
    yield Figure(what="  its script and style, gzip", value=sum(sizes) / 1e3, most=90, unit="kB")
    yield Figure(what="  its files", value=len(sizes), most=8, unit="")
    yield Figure(what="all script and style, gzip", value=_built() / 1e3, most=200, unit="kB")


async def _run(console: Console, size: Size) -> AsyncGenerator[Figure]:
    await console.load("jobs", ".line.job")
    short, long = f"runs/{console_feed.SHORT}", f"runs/{console_feed.LONG}"
    yield took("Run: page", await console.taking(console.go(short, "h2", "Log")), 400)
    end = console.go(long, "[role=log]", console_feed.last_line(size.lines))
    yield took(f"Run: a log of {size.lines} lines, open at its end", await console.taking(end), 1_000)
    match = console.go(f"{long}?q={console_feed.NEEDLE}", ".count", " of ")
    yield took("  first match of a search in it", await console.taking(match), 1_000)


def _name_hourly(url: str, ids: Sequence[str]) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(_RENAME, {"group": _GROUP, "ids": list(ids)})


_RENAME = """
UPDATE jobs SET job_group = %(group)s, definition = jsonb_set(definition, '{jobGroup}', to_jsonb(%(group)s::text))
WHERE job_id = ANY(%(ids)s)
"""


async def _jobs(console: Console) -> Took:
    return await console.load("jobs", ".line.job")


async def _channel(console: Console, job: str, span: str) -> Took:
    """From an address to its picture, out of the list."""
    await console.go("jobs", ".line.job", "")
    return await console.taking(console.go(f"jobs/{job}?span={span}", ".well [role=grid]", "", label="fired"))


async def _at_rest(console: Console, seconds: float) -> AsyncGenerator[Figure]:
    await console.load("jobs", ".line.job")
    await asyncio.sleep(_SETTLES)
    before = await heap_of(console.page)
    with counted_requests(console.page) as requests:
        rest = await console.taking(asyncio.sleep(seconds, seconds * 1e3))
    grown = await heap_of(console.page) - before
    paths = ", ".join(sorted({urlsplit(one).path.rpartition("/")[2] for one in requests}))
    what = f"a tab at rest for {seconds:g} s: requests but the pulse"
    yield Figure(what=f"{what} ({paths})" if paths else what, value=len(requests), most=0, unit="")
    yield Figure(what="  main thread, of a core", value=rest.cpu / rest.ms * 100, most=1, unit="%")
    yield Figure(what="  heap growth", value=grown / 2**20, most=10, unit="MiB")


async def _live(console: Console, feed: console_feed.Feed, seconds: float) -> AsyncGenerator[Figure]:
    """A run's log at 500 lines/s, followed."""
    await asyncio.to_thread(feed.begin_live)
    await console.load(f"runs/{console_feed.LIVE}", "[role=log]", "live 0.")
    await asyncio.sleep(_SETTLES)
    before = await heap_of(console.page)
    longest = await console.taking(_followed(console, feed, seconds))
    yield took(f"{console_feed.RATE} lines/s followed for {seconds:g} s: longest frame", longest, 100)
    yield Figure(what="  heap, most", value=await heap_of(console.page) / 2**20, most=150, unit="MiB")
    yield Figure(what="  heap growth", value=(await heap_of(console.page) - before) / 2**20, most=None, unit="MiB")
    yield Figure(what="  DOM nodes", value=await console.nodes(), most=None, unit="")


async def _followed(console: Console, feed: console_feed.Feed, seconds: float) -> float:
    """The longest frame, until the last line is there."""
    await console.record()
    count = await asyncio.to_thread(feed.live_lines, seconds)
    await console.sees("[role=log]", console_feed.live_line(count))
    return max(await console.recorded())


async def _pulse(base: str, pid: int, seconds: float, *, busy: bool = False) -> Figure:
    """What the listeners cost, beside none."""
    await asyncio.sleep(_SETTLES)
    without = await _share(pid, seconds)
    async with httpx.AsyncClient(base_url=f"{base}/v1/monitor", timeout=60, trust_env=False) as client:
        listeners = [asyncio.create_task(_listen(client), name="listen") for _ in range(LISTENERS)]
        await asyncio.sleep(_SETTLES)
        listening = await _share(pid, seconds)
        for one in listeners:
            one.cancel()
        await asyncio.wait(listeners)
    when = "while runs come and go" if busy else "at rest"
    share = None if without is None or listening is None else (listening - without) * 100
    return Figure(what=f"pulse: {LISTENERS} listeners {when}, of a core", value=share, most=1, unit="%")


async def _listen(client: httpx.AsyncClient) -> None:
    async with client.stream("GET", "/pulse/stream") as response:
        response.raise_for_status()
        async for _ in response.aiter_raw():
            pass


async def _share(pid: int, seconds: float) -> float | None:
    before, began = spent(pid), time.monotonic()
    await asyncio.sleep(seconds)
    after = spent(pid)
    return None if before is None or after is None else (after - before) / (time.monotonic() - began)


def _built() -> int:
    """Bytes of gzip of all that is built."""
    folder = Path(str(files("waterclock_api") / "assets" / "console"))
    return sum(len(gzip.compress(one.read_bytes(), 9)) for one in folder.iterdir() if one.suffix in _KINDS)
