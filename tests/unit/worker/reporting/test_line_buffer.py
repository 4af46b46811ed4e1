"""Printed text becomes the lines that a terminal would show, in time that grows with the text alone."""

from __future__ import annotations

import hypothesis
import pytest
from hypothesis import strategies as st

from waterclock_worker.reporting.line_buffer import LINE_HELD, ByteLines, LineBuffer, without_returns


def lines_of(*pieces: str, flushed: bool = False) -> list[str]:
    buffer = LineBuffer()
    lines: list[str] = []
    for piece in pieces:
        lines += [line.text for line in buffer.feed(piece)]
        if flushed and (line := buffer.flush()) is not None:
            lines.append(line.text)
    last = buffer.close()
    return lines if last is None else [*lines, last.text]


@pytest.mark.parametrize("flushed", [False, True])
@pytest.mark.parametrize("state", ["\r{}", "{}\r", "\r{}\r", "\r\r{}", "\x1b[2K\r{}"])
def test_a_bar_is_one_line_by_its_last_state(state: str, flushed: bool) -> None:
    states = [state.format(f"{number} of 20000") for number in range(1, 20_001)]

    assert lines_of(*states, flushed=flushed)[-1] == "20000 of 20000"
    assert len(lines_of(*states, flushed=flushed)) == 1
    assert lines_of(*states, "\ndone\n", flushed=flushed) == ["20000 of 20000", "done"]


def test_a_bar_in_one_piece_is_its_last_state() -> None:
    bar = "".join(f"\r{number}" for number in range(20_000))

    assert lines_of(bar) == ["19999"]
    assert lines_of(f"a\n{bar}\nb") == ["a", "19999", "b"]


def test_a_bar_that_was_wiped_away_leaves_nothing() -> None:
    assert lines_of("\r50 %", "\r     \r", flushed=True) == []
    assert lines_of("\r50 %", "\r     \r", "done\n", flushed=True) == ["done"]


@pytest.mark.parametrize("pieces", [("a\r\nb\r\n",), ("a\r", "\nb", "\r", "\n"), ("a", "\r\n", "b\r\r\n")])
def test_windows_ends_of_lines_are_ends_of_lines(pieces: tuple[str, ...]) -> None:
    assert lines_of(*pieces) == ["a", "b"]
    assert lines_of(*pieces, flushed=True) == ["a", "b"]


def test_who_flushes_wants_it_seen() -> None:
    assert lines_of("asking", " …", flushed=True) == ["asking", " …"]
    assert lines_of("asking", "\n", "\n", "a\n", flushed=True) == ["asking", "", "a"]


def test_empty_lines_are_lines() -> None:
    assert lines_of("\n\na\n\n") == ["", "", "a", ""]


def test_of_a_line_without_an_end_the_beginning_is_held_and_the_rest_counted() -> None:
    buffer = LineBuffer()
    for _ in range(150_000):
        buffer.feed(".")

    [line] = buffer.feed("\n")

    assert line.length == 150_000
    assert line.text == "." * LINE_HELD


@hypothesis.given(st.lists(st.text(st.sampled_from("ab\r\n \N{WATER WAVE}"), max_size=8), max_size=12))
def test_it_does_not_matter_where_a_text_is_cut(pieces: list[str]) -> None:
    assert lines_of(*pieces) == lines_of("".join(pieces))


@hypothesis.given(st.text(st.sampled_from("aä\N{WATER WAVE}\n"), max_size=40), st.integers(1, 7))
def test_a_program_may_be_cut_within_a_character(text: str, length: int) -> None:
    raw, lines = text.encode(), ByteLines()
    found = [line for at in range(0, len(raw), length) for line in lines.feed(raw[at : at + length])]

    assert [line.text for line in (*found, *lines.close())] == lines_of(text)


def test_what_is_no_utf_8_becomes_marks() -> None:
    lines = ByteLines()

    assert [line.text for line in lines.feed(b"na\xefve\n\xe8\xa1")] == ["na\N{REPLACEMENT CHARACTER}ve"]
    assert [line.text for line in lines.close()] == ["\N{REPLACEMENT CHARACTER}"]


def test_a_text_of_whole_lines_keeps_all_but_the_ends() -> None:
    assert without_returns("a\r\nb\rc\r\n") == "a\nb\rc\n"
    assert without_returns("a\r") == "a"
