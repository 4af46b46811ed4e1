"""When a sweeper may call a session dead."""

from __future__ import annotations

import hypothesis
import hypothesis.strategies as st

from waterclock.log.liveness.sweep import DEAD, Watch

LEASE, LATE = 8.0, 2.0


def watched() -> Watch:
    return Watch(lease=LEASE, late=LATE)


def looks(watch: Watch, *numbers: int, start: float = 0.0, every: float = 1.0) -> list[float]:
    """Look at a session whose renewal number is each of these in turn; the times at which it was called dead."""
    times = [start + every * place for place in range(len(numbers))]
    return [now for now, number in zip(times, numbers, strict=True) if watch.look({"s": number}, now=now)]


def test_a_session_whose_number_stands_still_for_a_lease_is_dead() -> None:
    assert looks(watched(), *[5] * 10) == [8.0, 9.0]


def test_a_renewal_starts_the_watch_again() -> None:
    assert looks(watched(), *[5] * 7, *[6] * 8) == []


def test_a_late_look_starts_the_watch_again() -> None:
    watch = watched()
    assert looks(watch, *[5] * 7) == []
    assert looks(watch, *[5] * 8, start=8.5) == []
    assert looks(watch, 5, start=16.5) == [16.5]


def test_a_failed_look_starts_the_watch_again() -> None:
    watch = watched()
    looks(watch, *[5] * 8)
    watch.restart()
    assert looks(watch, *[5] * 8, start=8.0) == []


def test_a_session_that_was_found_dead_is_emptied_at_once() -> None:
    assert watched().look({"s": DEAD}, now=0.0) == {"s": DEAD}


@hypothesis.given(
    gaps=st.lists(st.floats(0.01, 3.0), min_size=1, max_size=60), renewals=st.sets(st.integers(0, 59), max_size=20)
)
def test_nothing_is_called_dead_that_was_not_seen_to_stand_still_for_a_lease(
    gaps: list[float], renewals: set[int]
) -> None:
    watch, now, number, since = watched(), 0.0, 0, 0.0
    for place, gap in enumerate(gaps):
        now += gap
        if place in renewals:
            number += 1
            since = now
        if watch.look({"s": number}, now=now):
            assert now - since >= LEASE - 1e-9 or not renewals
            assert all(one <= LATE for one in gaps[place:place])
