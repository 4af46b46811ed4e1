"""Lines to a sink that stands still, fails or is slow: they are counted, and nobody waits."""

from __future__ import annotations

import io
import logging
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from waterclock.kit.telemetry.line_writer import LineWriter
from waterclock.kit.telemetry.repeated_lines import MOST, Repeats


class Pipe:
    def __init__(self) -> None:
        self.reading, writing = os.pipe()
        self.out = os.fdopen(writing, "w")

    def rest(self) -> list[str]:
        """All lines, once nobody writes any more."""
        self.out.close()
        with os.fdopen(self.reading) as reading:
            return reading.read().splitlines()


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    made = Pipe()
    yield made
    if not made.out.closed:
        made.out.close()


class Lost:
    count = 0

    def more(self, count: int) -> None:
        self.count += count


def told(count: int) -> str:
    return f"lost {count}"


def test_lines_come_out_in_order(pipe: Pipe) -> None:
    writer = LineWriter(pipe.out, told=told)
    for number in range(1_000):
        writer.put(f"line {number}")
    assert writer.flush(10)
    assert pipe.rest() == [f"line {number}" for number in range(1_000)]


def test_a_reader_that_stands_still_costs_lines_that_are_counted_and_told(pipe: Pipe) -> None:
    lost = Lost()
    writer = LineWriter(pipe.out, told=told, lost=lost.more, most=100_000)
    for number in range(10_000):  # five times what pipe and queue hold
        writer.put(f"line {number:05} {'x' * 90}")
    assert not writer.flush(0)
    assert 0 < lost.count < 10_000

    found: list[str] = []

    def read() -> None:
        with os.fdopen(pipe.reading) as reading:
            found.extend(reading.read().splitlines())

    reading = threading.Thread(target=read)
    reading.start()
    assert writer.flush(10)
    writer.put("after")
    assert writer.flush(10)
    pipe.out.close()
    reading.join(10)

    kept = [line for line in found if line.startswith("line ")]
    assert kept == sorted(kept)
    assert found[len(kept) :] == [f"lost {lost.count}", "after"]
    assert len(kept) + lost.count == 10_000


def test_what_is_larger_than_the_queue_is_counted_too(pipe: Pipe) -> None:
    lost = Lost()
    writer = LineWriter(pipe.out, told=told, lost=lost.more, most=100)
    writer.put("x" * 1_000)
    assert writer.flush(10)
    assert pipe.rest() == ["lost 1"]
    assert lost.count == 1


def test_a_full_disk_loses_nothing_that_the_queue_can_hold() -> None:
    class Full(io.StringIO):
        full = True

        def write(self, text: str) -> int:
            if self.full:
                tried.set()
                raise OSError(28, "No space left on device")
            return super().write(text)

    tried = threading.Event()
    out, lost = Full(), Lost()
    writer = LineWriter(out, told=told, lost=lost.more)
    for number in range(100):
        writer.put(f"line {number}")
    assert tried.wait(10)
    out.full = False
    assert writer.flush(10)
    assert out.getvalue().splitlines() == [f"line {number}" for number in range(100)]
    assert lost.count == 0


def test_without_a_stream_every_line_is_counted() -> None:
    lost = Lost()
    writer = LineWriter(None, told=told, lost=lost.more)
    for _ in range(3):
        writer.put("line")
    assert lost.count == 3


def test_a_copy_of_the_process_writes_what_it_says_itself_and_nothing_twice(pipe: Pipe) -> None:
    writer = LineWriter(pipe.out, told=told)
    writer.put("before")
    assert writer.flush(10)
    child = os.fork()
    if not child:
        writer.put("in the copy")
        os._exit(0 if writer.flush(10) else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    writer.put("after")
    assert writer.flush(10)
    assert pipe.rest() == ["before", "in the copy", "after"]


PROCESS = """
import asyncio, logging, os, sys, threading
from waterclock.kit.telemetry import catalog, log_lines
from waterclock.kit.service import Unfit, run_service
from waterclock.kit.settings import TelemetrySettings

async def serve(stop):
    log_lines.lead_lines("api", TelemetrySettings())
    log = logging.getLogger("waterclock_api")
    for number in range(2_500):
        log.info("refused", extra={"number": number, "path": "x" * 60_000})
    await asyncio.sleep(0)
    sys.stdout.write(f"{sum(catalog.LINES_LOST.series.values()):.0f}\\n")
    sys.stdout.flush()
    await HOW

HOWS
run_service(serve, name="waterclock api")
"""
HOWS = """
async def unfit():
    raise Unfit("the address is taken")

async def bug():
    raise LookupError("what nobody thought of")

async def end():
    pass
"""


def process(how: str, stderr: int) -> subprocess.Popen[str]:
    script = PROCESS.replace("HOWS", HOWS).replace("HOW", how)
    return subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=stderr, text=True)


@pytest.mark.parametrize(("how", "code"), [("stop.wait()", 0), ("unfit()", 2), ("bug()", 1)])
def test_a_process_whose_lines_nobody_reads_works_on_and_ends_in_time(how: str, code: int) -> None:
    with process(how, subprocess.PIPE) as child:
        assert child.stdout is not None
        assert int(child.stdout.readline()) > 1_000  # it has come this far, though nobody reads
        child.terminate()
        assert child.wait(30) == code
        assert child.stderr is not None
        kept = child.stderr.readlines()
    assert len(kept) < 2_500


@pytest.mark.parametrize(
    ("how", "code", "last"),
    [("unfit()", 2, "waterclock api: the address is taken"), ("bug()", 1, "    LookupError: what nobody thought of")],
)
def test_the_last_lines_before_an_exit_come_out_whoever_reads(how: str, code: int, last: str) -> None:
    with process(how, subprocess.PIPE) as child:
        out, err = child.communicate(timeout=60)
    found = err.splitlines()
    lost = sum(int(line.rpartition("lines=")[2]) for line in found if "log lines lost" in line)
    assert child.returncode == code
    assert [line for line in found if "log lines lost" not in line][-1] == last
    assert sum("refused number=" in line for line in found) + lost == 2_500
    assert lost >= int(out)
    numbers = [int(number) for number in re.findall(r"refused number=(\d+)", err)]
    assert numbers == sorted(numbers)


def test_a_reader_that_is_gone_stops_nothing() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with process("end()", writing) as child:
        os.close(writing)
        assert child.stdout is not None
        assert int(child.stdout.readline()) > 1_000
        assert child.wait(30) == 0


def test_a_process_without_standard_error_gives_its_number_to_nothing_else(tmp_path: Path) -> None:
    script = (
        "import asyncio, os, pathlib\n"
        "from waterclock.kit.telemetry import log_lines\n"
        "from waterclock.kit.service import run_service\n"
        "from waterclock.kit.settings import TelemetrySettings\n"
        "async def serve(stop):\n"
        "    log_lines.lead_lines('api', TelemetrySettings())\n"
        f"    pathlib.Path({str(tmp_path / 'found')!r}).write_text(os.readlink('/proc/self/fd/2'))\n"
        "run_service(serve)\n"
    )
    subprocess.run(["/bin/sh", "-c", 'exec "$0" -c "$1" 2>&-', sys.executable, script], check=True, timeout=60)
    assert (tmp_path / "found").read_text() == os.devnull


def said(caplog: pytest.LogCaptureFixture) -> list[tuple[object, ...]]:
    fields = (vars(record) for record in caplog.records)
    return [(one["message"], one.get("address"), one.get("path"), one.get("more")) for one in fields]


class Hand:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_of_lines_that_repeat_one_a_second_is_told_and_the_others_are_counted(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO")
    hand = Hand()
    repeats = Repeats(logging.getLogger("waterclock_api"), now=hand, every=1)
    for number in range(38):
        repeats.say("refused", "10.0.0.1", {"address": "10.0.0.1", "path": number})
        repeats.say("refused", "10.0.0.2", {"address": "10.0.0.2", "path": number})
    repeats.say("too often", "10.0.0.1", {"address": "10.0.0.1"})
    assert said(caplog) == [
        ("refused", "10.0.0.1", 0, None),
        ("refused", "10.0.0.2", 0, None),
        ("too often", "10.0.0.1", None, None),
    ]
    caplog.clear()

    hand.now = 1.0
    repeats.say("refused", "10.0.0.1", {"address": "10.0.0.1", "path": "next"})
    repeats.tell()
    repeats.tell()
    assert said(caplog) == [("refused", "10.0.0.1", "next", 37), ("refused", "10.0.0.2", 37, 36)]

    hand.now = 2.0
    repeats.tell()
    assert len(repeats) == 0


def test_many_alike_are_said_at_once_and_counted_alike(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    hand = Hand()
    repeats = Repeats(logging.getLogger("waterclock_api"), now=hand, every=1)
    for times in (1, 5, 40):
        repeats.say("ended", "a", {"address": "a", "path": times}, times=times)
    repeats.say("ended", "b", {"address": "b"}, times=7)
    hand.now = 1.0
    repeats.say("ended", "a", {"address": "a", "path": "next"}, times=3)

    assert said(caplog) == [("ended", "a", 1, None), ("ended", "b", None, 6), ("ended", "a", "next", 47)]


def test_callers_beyond_the_bound_share_a_line(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    hand = Hand()
    repeats = Repeats(logging.getLogger("waterclock_api"), now=hand)
    for number in range(100_000):
        repeats.say("refused", f"2001:db8::{number:x}", {})
    assert len(caplog.records) == len(repeats) == MOST + 1
    caplog.clear()

    hand.now = 5.0
    repeats.tell()
    (record,) = caplog.records
    assert vars(record)["more"] == 100_000 - MOST - 2


def test_what_was_counted_is_told_by_itself_when_no_more_comes(caplog: pytest.LogCaptureFixture) -> None:
    come = threading.Event()

    class Heard(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if "more" in vars(record):
                come.set()

    log = logging.getLogger("waterclock_api.test_repeats")
    log.setLevel("INFO")
    log.addHandler(heard := Heard())
    try:
        repeats = Repeats(log, every=0.05)
        for _ in range(3):
            repeats.say("refused", "x", {})
        assert come.wait(30)
    finally:
        log.removeHandler(heard)


def test_of_an_error_the_first_traceback_of_its_class_is_told(caplog: pytest.LogCaptureFixture) -> None:
    repeats = Repeats(logging.getLogger("waterclock_api"), now=Hand())
    for error in (ValueError("a"), ValueError("b"), KeyError("c")):
        repeats.say("request failed", "x", {}, level=logging.ERROR, error=error)
    assert [record.exc_info and record.exc_info[0] for record in caplog.records] == [ValueError, KeyError]
