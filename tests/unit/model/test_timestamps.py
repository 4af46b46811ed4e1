from __future__ import annotations

import hypothesis
import pytest
from hypothesis import strategies as st

from waterclock.model.timestamps import millis, parse_moment, stamp

MOMENTS = st.integers(0, 253_402_300_799_999)


@hypothesis.given(ms=MOMENTS)
def test_a_stamp_is_read_back_as_it_was_written(ms: int) -> None:
    assert millis(stamp(ms)) == ms
    assert parse_moment(stamp(ms)) == ms


@hypothesis.given(one=MOMENTS, other=MOMENTS)
def test_stamps_sort_as_the_moments_do(one: int, other: int) -> None:
    assert (stamp(one) < stamp(other)) == (one < other)


def test_a_stamp_has_three_decimals_and_z() -> None:
    assert stamp(1_774_746_000_000) == "2026-03-29T01:00:00.000Z"


def test_a_moment_is_taken_with_any_offset_and_finer_digits_are_cut() -> None:
    assert parse_moment("2026-03-29T03:00:00.0019+02:00") == 1_774_746_000_001


def test_a_moment_without_an_offset_is_refused() -> None:
    with pytest.raises(ValueError, match="no offset"):
        parse_moment("2026-03-29T03:00:00")
