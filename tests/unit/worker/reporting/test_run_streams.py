"""Standard streams as a run has them: whole, and its own."""

# ruff: noqa: T201 - what is printed is what is tested

from __future__ import annotations

import contextlib
import io
import subprocess
import sys
import threading
import types
from collections.abc import Generator
from contextvars import copy_context
from typing import Any

import pytest

from tests.unit.worker.reporting.test_step_log import Taken
from waterclock_worker.execution import capture
from waterclock_worker.reporting.capture.current_run import speaking
from waterclock_worker.reporting.capture.streams import streams_led


@pytest.fixture(autouse=True)
def led() -> Generator[None]:
    with streams_led():
        yield


class Run:
    """Code that runs for an attempt, in a context of its own."""

    def __init__(self) -> None:
        self.taken = Taken()
        self.context = copy_context()
        self.context.run(capture.entered, self.taken.log)

    def lines(self) -> list[str]:
        """At its end."""
        self.context.run(capture.left, self.taken.log)
        self.taken.log.close()
        return self.taken.lines()

    def does(self, work: object) -> None:
        assert callable(work)
        self.context.run(work)


def test_a_run_has_whole_text_streams() -> None:
    def work() -> None:
        out: Any = sys.stdout
        assert (out.writable(), out.readable(), out.seekable(), out.isatty()) == (True, False, False, False)
        assert (out.encoding, out.errors, out.newlines, out.closed, out.name) == (
            "utf-8",
            "replace",
            None,
            False,
            "<stdout>",
        )
        assert isinstance(sys.stdout, io.TextIOBase)
        out.reconfigure(encoding="latin-1", errors="strict", line_buffering=True)  # pyright: ignore[reportAttributeAccessIssue]
        assert (out.encoding, out.errors) == ("iso8859-1", "strict")
        with pytest.raises(LookupError):
            out.reconfigure(encoding="no such")  # pyright: ignore[reportAttributeAccessIssue]
        out.writelines(["one\n", "two\n"])
        assert out.write("naïve 表\n") == 8
        print("three", file=sys.stderr, flush=True)
        with pytest.raises(io.UnsupportedOperation):
            out.read()

    run = Run()
    run.does(work)
    assert run.lines() == ["one", "two", "naïve 表", "three"]


def test_a_run_has_no_descriptor_and_is_told_what_to_do() -> None:
    def work() -> None:
        for stream in (sys.stdin, sys.stdout, sys.stderr, sys.stdout.buffer):
            with pytest.raises(io.UnsupportedOperation, match="subprocess=True"):
                stream.fileno()
        with pytest.raises(io.UnsupportedOperation, match="capture_output"):
            subprocess.run(["true"], stdout=sys.stdout, check=True)
        assert sys.stdin.read() == ""
        with pytest.raises(EOFError):
            input()

    Run().does(work)


@pytest.mark.parametrize("wrong", [b"", b"bytes", None, 7])
def test_what_is_no_text_is_refused_by_its_type(wrong: object) -> None:
    def work() -> None:
        with pytest.raises(TypeError, match=f"must be str, not {type(wrong).__name__}"):
            sys.stdout.write(wrong)  # pyright: ignore[reportArgumentType]
        with pytest.raises(TypeError, match="bytes-like"):
            sys.stdout.buffer.write("text")  # pyright: ignore[reportArgumentType, reportCallIssue]
        print("fine")

    run = Run()
    run.does(work)
    assert run.lines() == ["fine"]


def test_bytes_land_as_lines_also_where_a_character_comes_in_parts() -> None:
    def work() -> None:
        out: Any = sys.stdout.buffer
        assert (out.writable(), out.readable(), out.seekable(), out.closed) == (True, False, False, False)
        assert out.write(b"na\xc3") == 3
        out.write(bytearray(b"\xafve\nwrong \xff"))
        out.write(memoryview(b" byte\n"))
        sys.stderr.buffer.write(b"half \xe8\xa1")

    run = Run()
    run.does(work)
    assert run.lines() == ["naïve", "wrong \N{REPLACEMENT CHARACTER} byte", "half \N{REPLACEMENT CHARACTER}"]


def test_a_wrapper_of_the_bytes_below_is_a_stream_and_what_waits_in_it_is_told() -> None:
    def work() -> None:
        wrapper = io.TextIOWrapper(sys.stdout.buffer, encoding="utf-8")
        wrapper.write("wrapped\n")
        wrapper.flush()
        del wrapper  # which closes what it wraps
        print("after")
        sys.stdout = io.TextIOWrapper(sys.stdout.buffer, encoding="utf-8")
        print("put in its place")

    run = Run()
    run.does(work)
    assert run.lines() == ["wrapped", "after", "put in its place"]


def test_what_a_run_does_to_its_streams_is_its_own() -> None:
    def closes() -> None:
        sys.stdout.close()
        assert sys.stdout.closed
        with pytest.raises(ValueError, match="closed"):
            print("nowhere")

    def detaches() -> None:
        out: Any = sys.stdout
        below = out.detach()  # pyright: ignore[reportAttributeAccessIssue]
        below.write(b"below\n")
        with pytest.raises(ValueError, match="detached"):
            print("nowhere")

    def drops() -> None:
        sys.stdout = None  # pyright: ignore[reportAttributeAccessIssue]
        print("nowhere")
        del sys.stderr

    def replaces() -> None:
        sys.stdout = io.StringIO()
        print("nowhere")
        assert sys.stdout.getvalue() == "nowhere\n"

    runs = {work: Run() for work in (closes, detaches, drops, replaces)}
    other = Run()
    for work, run in runs.items():
        run.does(work)
        other.does(lambda: print("printed"))
        other.does(lambda: print("told", file=sys.stderr))
    assert other.lines() == ["printed", "told"] * 4
    assert [run.lines() for run in runs.values()] == [[], ["below"], [], []]
    assert sys.stdout is not None
    assert not sys.stdout.closed


def test_a_tee_around_a_runs_output_does_not_go_round() -> None:
    class Tee:
        def __init__(self, behind: io.TextIOBase) -> None:
            self.behind = behind
            self.text = ""

        def write(self, text: str) -> int:
            self.text += text
            return self.behind.write(text)

        def flush(self) -> None:
            self.behind.flush()

    def work() -> None:
        sys.stdout = Tee(sys.stdout)  # pyright: ignore[reportAttributeAccessIssue, reportArgumentType]
        print("twice")
        assert sys.stdout.text == "twice\n"  # pyright: ignore[reportUnknownMemberType, reportAttributeAccessIssue]

    run = Run()
    run.does(work)
    assert run.lines() == ["twice"]


def test_redirections_that_overlap_between_runs_keep_to_their_own() -> None:
    """The second begins within the first and ends after it."""
    first, second = Run(), Run()
    texts: list[str] = []
    entered, left = threading.Event(), threading.Event()

    def one() -> None:
        with contextlib.redirect_stdout(io.StringIO()) as text:
            print("of the first")
            entered.set()
            assert left.wait(10)
        texts.append(text.getvalue())
        print("first, after")

    def other() -> None:
        assert entered.wait(10)
        with contextlib.redirect_stdout(io.StringIO()) as text:
            print("of the second")
            left.set()
            threads[0].join(10)
            print("still of the second")
        texts.append(text.getvalue())
        print("second, after")

    threads = [
        threading.Thread(target=first.context.run, args=(one,)),
        threading.Thread(target=second.context.run, args=(other,)),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert texts == ["of the first\n", "of the second\nstill of the second\n"]
    assert first.lines() == ["first, after"]
    assert second.lines() == ["second, after"]


def test_what_outlives_its_run_is_nobodys_and_nothing_of_it_is_kept() -> None:
    run = Run()
    run.does(lambda: print("before"))
    assert run.lines() == ["before"]

    def late() -> None:
        print("late")
        sys.stdout.buffer.write(b"late\n")
        sys.stdout = io.StringIO()
        sys.stdout.close()

    run.does(late)
    assert run.taken.lines() == []
    with contextlib.redirect_stdout(io.StringIO()) as outside:
        print("outside")
    assert outside.getvalue() == "outside\n"
    assert speaking.get() is None


def test_modules_are_made_as_ever_meanwhile() -> None:
    """`type(sys)` is what imports make modules by, and what some ask by whether something is one."""
    made = type(sys)("made")
    assert type(made) is types.ModuleType
    assert isinstance(made, type(sys))
