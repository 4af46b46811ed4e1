"""Photograph the console, as it shows the sample at one moment: `make shots` writes docs/pictures/console/.

    python deploy/console/shots.py [NAME…]      all pictures, or those named

The sample is fresh and stands still, and the page's clock says the same moment. A picture is taken once nothing is
loading and two in a row are the same. Its colours are brought down to 256, by which it takes half of the room.
"""

from __future__ import annotations

import struct
import subprocess  # nosec B404 # our own command, by argument list
import sys
import tempfile
import time
import zlib
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import httpx
import msgspec
from playwright.sync_api import Browser, Error, Page, Request, ViewportSize, sync_playwright

from waterclock_dev.browser import NoBrowser, program

PICTURES = Path(__file__).resolve().parents[2] / "docs" / "pictures" / "console"
UNTIL = "2026-11-30T09:00:00Z"
SCHEMES = ("dark", "light")
WIDE, NARROW = ViewportSize(width=1440, height=900), ViewportSize(width=390, height=844)
JOB, LONG = "etl/hourly-events", "ml/retrain"
SKIPPED = "2026-11-18T02:05:00Z"
"""The scheduler was away for hours, and came back to more than it may make up for."""
STARTS, SHOWS, LOOK = 300.0, 180.0, 0.3  # s
HEAVIEST = 150_000  # bytes of a picture
_COLOURS = 256
_MAGIC = b"\x89PNG\r\n\x1a\n"
_STREAM = "/stream"


class Failed(Exception):
    """There is no picture; the message says why."""


class Sample(NamedTuple):
    """Where it is, and what of it is shown."""

    console: str
    job: str  # its id
    run: str  # the job's last one, which failed
    long: str  # one that took too long, and told much


class Shot(NamedTuple):
    name: str
    path: str  # below the console, with members of the sample in braces
    shows: str  # a text, once it shows what it is for
    act: Callable[[Page], None] = lambda _: None
    size: ViewportSize = WIDE


def _ask(page: Page) -> None:
    page.keyboard.press("Control+k")
    page.keyboard.type("hourly at 18 Nov 02:05")
    page.get_by_role("option").first.wait_for()


def _go_to_log(page: Page) -> None:
    page.get_by_role("heading", name="Log", exact=True).evaluate("one => one.scrollIntoView()")
    page.evaluate("scrollBy(0, -140)")


SHOTS = (
    Shot("now", "", "An hour back, an hour ahead"),
    Shot("now-narrow", "", "An hour back, an hour ahead", size=NARROW),
    Shot("jobs", "jobs", "2 need a look"),
    Shot("jobs-narrow", "jobs", "2 need a look", size=NARROW),
    Shot("job", "jobs/{job}", "hourly-events"),
    Shot("skip", "jobs/{job}?at={skipped}&t=2026-11-19T00:00:00Z&span=day", "2 h 30 min late"),
    Shot("run", "runs/{run}", "All 3 attempts failed"),
    Shot("log", "runs/{long}", "The log is complete", _go_to_log),
    Shot("compare", "runs/{run}?with=", "All 3 attempts failed"),
    Shot("palette", "jobs", "2 need a look", _ask),
)


def main(names: Sequence[str]) -> None:
    if unknown := set(names) - {one.name for one in SHOTS}:
        sys.exit(
            f"There is no picture {', '.join(sorted(unknown))}: name some of {', '.join(one.name for one in SHOTS)}"
        )
    wanted = [one for one in SHOTS if not names or one.name in names]
    try:
        options = program().options()
        with started() as sample, sync_playwright() as playwright:
            browser = playwright.chromium.launch(**options)
            flaws = [flaw for shot in wanted if (flaw := _take(browser, sample, shot))]
            browser.close()
    except (NoBrowser, Failed) as error:
        sys.exit(f"No pictures: {error}")
    if flaws:
        sys.exit("\n".join(flaws))


def _take(browser: Browser, sample: Sample, shot: Shot) -> str:
    """What is wrong with it, if it could not be taken; the others may be."""
    try:
        for scheme, picture in taken(browser, sample, shot):
            _keep(PICTURES / f"{shot.name}-{scheme}.png", picture)
    except (Failed, Error) as error:
        return f"No picture {shot.name}: {error}"
    return ""


def _keep(file: Path, picture: bytes) -> None:
    """
    Raises:
        Failed: it is heavier than a page should have to load.
    """
    small = fewer_colours(picture)
    if len(small) > HEAVIEST:
        raise Failed(f"{file.name} takes {len(small)} bytes, and may take {HEAVIEST}")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(small)
    print(f"{file.name}  {len(picture)} → {len(small)} bytes", flush=True)


@contextmanager
def started() -> Generator[Sample]:
    """The sample on free ports, in a folder that is gone afterwards.

    Raises:
        Failed: it does not start.
    """
    with (
        tempfile.TemporaryDirectory(prefix="waterclock-shots-") as folder,
        Path(folder, "said").open("w+", encoding="utf-8") as said,
    ):
        words = ["dev", "--sample", "--until", UNTIL, "--port", "0", "--data-dir", folder]
        process = subprocess.Popen([sys.executable, "-m", "waterclock.cli", *words], stdout=said, stderr=said)  # nosec B603 # our words, no shell
        try:
            record = Path(folder, "dev.json")
            ends = time.monotonic() + STARTS
            while "ready; Ctrl-C" not in Path(said.name).read_text("utf-8"):
                if process.poll() is not None or time.monotonic() > ends:
                    raise Failed(f"the sample does not start:\n{Path(said.name).read_text('utf-8')[-2000:]}")
                time.sleep(LOOK)
            yield _looked_up(msgspec.json.decode(record.read_bytes())["api"])
        finally:
            process.terminate()
            process.wait()


def _looked_up(api: str) -> Sample:
    with httpx.Client(base_url=f"{api}/v1/monitor/", timeout=60, trust_env=False) as client:
        columns = client.get("jobs-index").raise_for_status().json()["columns"]
        names = [f"{group}/{name}" for group, name in zip(columns["group"], columns["name"], strict=True)]
        at = names.index(JOB)
        query = {"jobId": columns["id"][names.index(LONG)], "status": "timedOut", "limit": 1}
        (long,) = client.get("runs", params=query).raise_for_status().json()["items"]
        run = columns["lastRunId"][at]
        return Sample(console=f"{api}/console/", job=columns["id"][at], run=run, long=long["id"])


def taken(browser: Browser, sample: Sample, shot: Shot) -> Iterator[tuple[str, bytes]]:
    """Its picture in each scheme, in a context of its own.

    Raises:
        Failed: it does not come to rest.
    """
    context = browser.new_context(
        viewport=shot.size, locale="en-GB", timezone_id="Europe/Berlin", reduced_motion="reduce"
    )
    context.set_default_timeout(SHOWS * 1000)
    context.clock.set_fixed_time(UNTIL)
    page = context.new_page()
    waited = set[Request]()

    def ended(request: Request) -> None:
        waited.discard(request)

    page.on("request", lambda one: waited.add(one) if _STREAM not in one.url else None)
    page.on("requestfinished", ended)
    page.on("requestfailed", ended)
    page.goto(sample.console + shot.path.format(**sample._asdict(), skipped=SKIPPED))
    page.get_by_text(shot.shows).first.wait_for()
    shot.act(page)
    for scheme in SCHEMES:
        page.emulate_media(color_scheme=scheme)
        yield scheme, _at_rest(page, shot.name, waited)
    context.close()


def _at_rest(page: Page, name: str, waited: set[Request]) -> bytes:
    ends, before = time.monotonic() + SHOWS, b""
    while time.monotonic() < ends:
        page.wait_for_timeout(LOOK * 1000)
        if waited or page.locator(".loading").count():
            before = b""
            continue
        now = page.screenshot(animations="disabled", caret="hide")
        if now == before:
            return now
        before = now
    raise Failed(
        f"{name} does not come to rest in {SHOWS:g} s: it waits for {[one.url for one in waited] or 'nothing'}"
    )


def fewer_colours(picture: bytes) -> bytes:
    """The same PNG with the 256 colours that most of it has; the others become the nearest of these.

    It takes pictures as browsers make them: 8 bits for each of red, green and blue, maybe alpha, not interlaced.
    """
    chunks = list(_chunks(picture))
    width, height, depth, kind = struct.unpack(">IIBB", chunks[0][1][:10])
    assert (depth, chunks[0][1][12]) == (8, 0), "not a picture of a browser"
    rows = _rows(zlib.decompress(b"".join(data for name, data in chunks if name == b"IDAT")), width, {2: 3, 6: 4}[kind])
    pixels = [[bytes(row[at : at + 3]) for at in range(0, len(row), len(row) // width)] for row in rows]
    counts = Counter(pixel for row in pixels for pixel in row)
    palette = [colour for colour, _ in counts.most_common(_COLOURS)]
    place = {colour: number for number, colour in enumerate(palette)}
    for colour in counts.keys() - place.keys():
        place[colour] = min(range(_COLOURS), key=lambda number: _distance(palette[number], colour))
    assert len(pixels) == height
    body = b"".join(b"\0" + bytes([place[pixel] for pixel in row]) for row in pixels)
    parts = (
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)),
        (b"PLTE", b"".join(palette)),
        (b"IDAT", zlib.compress(body, 9)),
        (b"IEND", b""),
    )
    return _MAGIC + b"".join(_chunk(name, data) for name, data in parts)


def _distance(one: bytes, other: bytes) -> int:
    return sum((a - b) ** 2 for a, b in zip(one, other, strict=True))


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def _chunks(picture: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = len(_MAGIC)
    while at < len(picture):
        length = struct.unpack(">I", picture[at : at + 4])[0]
        yield picture[at + 4 : at + 8], picture[at + 8 : at + 8 + length]
        at += 12 + length


def _rows(data: bytes, width: int, size: int) -> Iterator[bytearray]:
    """Without the filters of PNG 9.2: each byte is told as its difference from what is left of it, above, or both."""
    length = width * size
    above = bytearray(length)
    for start in range(0, len(data), length + 1):
        kind, row = data[start], bytearray(data[start + 1 : start + 1 + length])
        for at in range(length):
            left = row[at - size] if at >= size else 0
            if kind == 1:
                row[at] = (row[at] + left) & 255
            elif kind == 2:
                row[at] = (row[at] + above[at]) & 255
            elif kind == 3:
                row[at] = (row[at] + (left + above[at]) // 2) & 255
            elif kind == 4:
                row[at] = (row[at] + _paeth(left, above[at], above[at - size] if at >= size else 0)) & 255
            else:
                break
        yield row
        above = row


def _paeth(left: int, above: int, corner: int) -> int:
    guess = left + above - corner
    return min((left, above, corner), key=lambda one: abs(guess - one))


if __name__ == "__main__":
    main(sys.argv[1:])
