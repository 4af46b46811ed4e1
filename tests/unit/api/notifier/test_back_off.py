"""Waits grow from ten seconds to a day, and chance spreads them."""

from __future__ import annotations

import hypothesis
import hypothesis.strategies as st
import pytest

from waterclock_api.notifier.delivery.back_off import FIRST, LONGEST, back_off

ALMOST = 1 - 2**-53  # the largest chance


@pytest.mark.parametrize(
    ("failures", "most"), [(1, 10), (2, 20), (3, 40), (13, 40_960), (14, 81_920), (15, 86_400), (10_000, 86_400)]
)
def test_the_most_doubles_from_ten_seconds_to_a_day(failures: int, most: float) -> None:
    assert back_off(failures, ALMOST) == pytest.approx(most)
    assert back_off(failures, 0) == 0


@hypothesis.given(failures=st.integers(1, 10**9), chance=st.floats(0, ALMOST), more=st.floats(0, ALMOST))
def test_chance_spreads_it_over_all_of_the_time(failures: int, chance: float, more: float) -> None:
    low, high = sorted((chance, more))

    assert 0 <= back_off(failures, low) <= back_off(failures, high) <= LONGEST
    assert back_off(failures, chance) <= back_off(failures + 1, chance)


def test_what_a_receiver_asks_for_is_waited_for_but_no_longer_than_a_day() -> None:
    assert back_off(1, 0.5, asked=120) == 120
    assert back_off(20, 0.5, asked=120) == LONGEST / 2
    assert back_off(1, 0, asked=10**9) == LONGEST
    assert back_off(1, 0.5, asked=0) == FIRST / 2
