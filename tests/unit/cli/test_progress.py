"""How far something has come: a bar at a terminal, lines elsewhere."""

from __future__ import annotations

import os
import pty
import subprocess
import sys

import pytest

from tests.unit.cli.test_display import bare_environment
from waterclock.cli.progress.lines import progress, waiting_for

SHOWS = """
import sys
from waterclock.cli.progress.lines import progress, waiting_for
with progress() as tell:
    tell("1 of 4 events\x1b[31m [red]folded", 1, 4)
    print("said meanwhile")
    tell("4 of 4 events folded", 4, 4)
with waiting_for("what it waits for"):
    pass
print("rich" in sys.modules)
"""
CURSOR_UP, CLEAR = "\x1b[1A", "\x1b[2K"


def at_a_terminal(*, out: bool, **more: str) -> tuple[str, str]:
    """What a child writes whose standard error, and if `out` its standard output too, is a terminal; and to a pipe."""
    master, slave = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-c", SHOWS],
        env=bare_environment(**more),
        stdout=slave if out else subprocess.PIPE,
        stderr=slave,
        close_fds=True,
    ) as child:
        os.close(slave)
        written = b""
        try:
            while block := os.read(master, 4096):
                written += block
        except OSError:  # Linux says so that the other end is closed
            pass
        os.close(master)
        piped = child.stdout.read() if child.stdout is not None else b""
    assert child.returncode == 0, written
    return written.decode().replace("\r\n", "\n"), piped.decode()


def test_in_a_pipe_there_are_lines_now_and_then_and_no_rich() -> None:
    done = subprocess.run([sys.executable, "-c", SHOWS], env=bare_environment(), capture_output=True, check=True)
    assert done.stdout == b"said meanwhile\nFalse\n"
    assert done.stderr == b"4 of 4 events folded\n"


def test_a_line_is_told_once_in_a_while_and_the_last_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    with progress(every=3600) as tell:
        tell("first", 0, 2)
        tell("second", 1, 2)
        tell("all", 2, 2)
    with progress(every=0) as tell:
        tell("each\x1b[2J")
    with waiting_for("nothing"):
        pass
    assert capsys.readouterr().err == "all\neach\n"


def test_a_terminal_has_a_bar_that_goes_away() -> None:
    shown, _ = at_a_terminal(out=True)
    assert "1 of 4 events [red]folded" in shown
    assert "said meanwhile\n" in shown
    assert "what it waits for" in shown
    assert "\x1b[31m [red]" not in shown
    assert shown.endswith("True\n")
    assert CLEAR in shown


def test_what_is_written_to_a_pipe_goes_there_beside_a_bar() -> None:
    shown, piped = at_a_terminal(out=False)
    assert piped == "said meanwhile\nTrue\n"
    assert "said meanwhile" not in shown
    assert "events" in shown


def test_without_colours_a_bar_has_none() -> None:
    shown, _ = at_a_terminal(out=False, NO_COLOR="1")
    assert "events" in shown
    assert "\x1b[3" not in shown
    assert "\x1b[9" not in shown


def test_a_terminal_that_moves_no_cursor_gets_lines() -> None:
    shown, _ = at_a_terminal(out=False, TERM="dumb")
    assert shown == "4 of 4 events folded\n"
