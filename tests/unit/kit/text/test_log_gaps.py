"""What a worker says of missing lines is read again as it was said."""

from __future__ import annotations

import re

import pytest

from waterclock.kit.text.log_gaps import PATTERN, Gap, Reason, gap_here, gap_so_far, read_gap


@pytest.mark.parametrize("lines", [1, 2, 51_877])
@pytest.mark.parametrize("reason", ["limit", "speed"])
def test_a_gap_is_read_as_it_was_said(lines: int, reason: Reason) -> None:
    assert read_gap(gap_here(lines, reason)) == Gap(lines, reason, final=True)
    assert read_gap(gap_so_far(lines)) == Gap(lines, "limit", final=False)
    for text in (gap_here(lines, reason), gap_so_far(lines)):
        assert re.search(PATTERN, text)


@pytest.mark.parametrize("text", ["", "gap: x lines are missing here: y", "gap: 3 lines", "the gap so far: 3 lines"])
def test_other_lines_are_none(text: str) -> None:
    assert read_gap(text) is None
