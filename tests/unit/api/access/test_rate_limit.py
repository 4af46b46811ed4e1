"""Buckets of tokens: as many as agreed, no more of them than there is room for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waterclock.kit.clock import SystemClock
from waterclock_api.access.rate_limit import SMALLEST, WINDOW, Buckets, Pace, pace_of, whose


class Still(SystemClock):
    """A clock that moves by hand."""

    at = 1_000.0

    def monotonic(self) -> float:
        return self.at


def paced(per_second: float) -> Pace:
    pace = pace_of(per_second)
    assert pace is not None
    return pace


@given(
    per_second=st.floats(0.01, 100_000),
    steps=st.lists(st.floats(0, 100, allow_subnormal=False), min_size=1, max_size=300),
)
def test_in_any_time_no_more_pass_than_a_burst_and_what_came_in_it(per_second: float, steps: list[float]) -> None:
    clock, pace = Still(), paced(per_second)
    buckets = Buckets(clock)
    passed: list[float] = []
    for step in steps:
        clock.at += step * pace.gap
        if not buckets.take("a", pace):
            passed.append(clock.at)
    for first in range(len(passed)):
        for last in range(first, len(passed)):
            assert last - first + 1 <= pace.burst + (passed[last] - passed[first]) * per_second + 1e-3


@given(per_second=st.floats(0.01, 10_000), asked=st.integers(1, 200))
def test_who_waits_as_long_as_told_is_let_in(per_second: float, asked: int) -> None:
    clock, pace = Still(), paced(per_second)
    buckets = Buckets(clock)
    for _ in range(asked):
        told = buckets.wait("a", pace)
        wait = buckets.take("a", pace)
        assert told == wait
        if wait:
            clock.at += wait
            assert buckets.take("a", pace) == 0


def test_a_burst_may_come_at_once_and_others_have_their_own() -> None:
    clock, pace = Still(), paced(100)
    buckets = Buckets(clock)
    assert pace.burst == WINDOW * 100
    assert [buckets.take("a", pace) > 0 for _ in range(202)].count(True) == 2
    assert buckets.take("b", pace) == 0
    clock.at += WINDOW
    assert [buckets.take("a", pace) > 0 for _ in range(202)].count(True) == 2
    assert paced(0.5).burst == SMALLEST


def test_a_flood_of_addresses_takes_no_more_memory_than_there_is() -> None:
    clock, pace = Still(), paced(10)
    buckets = Buckets(clock, most=100)
    refused = [who for who in range(10_000) if buckets.take(str(who), pace)]
    assert len(buckets) == 101
    assert len(refused) == 10_000 - 100 - pace.burst
    assert buckets.take("99", pace) == 0
    clock.at += 60
    assert buckets.take("new", pace) == 0
    assert len(buckets) == 1


@pytest.mark.parametrize("per_second", [0, None])
def test_nought_is_no_limit(per_second: float | None) -> None:
    assert pace_of(per_second) is None


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", "2001:db8:1:2::/64"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("fe80::1%eth0", "fe80::/64"),
        ("no:address", "no:address"),
        (None, ""),
    ],
)
def test_whoever_has_a_network_is_one(address: str | None, expected: str) -> None:
    assert whose(address) == expected
