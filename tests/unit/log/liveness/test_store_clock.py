"""The store's time, as one knows it who asks now and then."""

from __future__ import annotations

from waterclock.log.liveness.store_clock import StoreClock, StoreClocks


class Hand:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def now_ms(self) -> int:
        raise AssertionError("the wall clock is not asked")

    def monotonic(self) -> float:
        return self.seconds


def started(at: int) -> tuple[Hand, StoreClock]:
    hand = Hand()
    clock = StoreClock(hand)
    clock.heard(at)
    return hand, clock


def test_time_goes_on_between_readings() -> None:
    hand, clock = started(50_000)

    hand.seconds += 1.5

    assert clock.now() == 51_500


def test_an_answer_that_was_slow_does_not_set_it_back() -> None:
    hand, clock = started(50_000)

    hand.seconds += 1
    clock.heard(50_700)

    assert clock.now() == 51_000


def test_a_store_that_runs_slower_is_followed() -> None:
    hand, clock = started(50_000)

    for second in range(1, 20):
        hand.seconds += 1
        clock.heard(50_000 + second * 990)

    assert 0 <= clock.now() - (50_000 + 19 * 990) <= 100


def test_a_store_that_was_set_back_is_believed_at_once() -> None:
    hand, clock = started(50_000)

    hand.seconds += 1
    clock.heard(20_000)

    assert clock.now() == 20_000


def test_a_store_that_says_we_are_ahead_is_believed_to_the_millisecond() -> None:
    _, clock = started(50_000)

    clock.refused(49_990)

    assert clock.now() == 49_990


def test_a_leap_ahead_is_believed_when_three_readings_over_three_seconds_agree() -> None:
    hand, clock = started(50_000)

    for second, believed in ((1, False), (2, False), (3, False), (4, True)):
        hand.seconds += 1
        clock.heard(50_000 + 3_600_000 + second * 1000)
        assert (clock.now() > 1_000_000) is believed


def test_a_leap_that_is_not_repeated_is_forgotten() -> None:
    hand, clock = started(50_000)

    for _ in range(5):
        hand.seconds += 2
        clock.heard(clock.now() + 3_600_000)
        clock.heard(clock.now())

    assert clock.now() == 60_000


def test_a_store_that_was_set_back_and_waits_is_not_run_ahead_of() -> None:
    hand, clock = started(50_000)

    for _ in range(2):
        hand.seconds += 0.02
        clock.refused(50_010)
    hand.seconds += 60

    assert clock.now() == 50_010


def test_a_store_that_waited_is_followed_when_it_goes_on() -> None:
    hand, clock = started(50_000)
    for _ in range(2):
        hand.seconds += 0.02
        clock.refused(50_010)

    hand.seconds += 1
    clock.heard(50_010)
    assert clock.now() == 50_010

    hand.seconds += 1
    clock.heard(50_300)
    hand.seconds += 1
    assert clock.now() == 51_300


def test_two_refusals_at_once_do_not_make_a_clock_stand() -> None:
    hand, clock = started(50_000)

    for _ in range(2):
        hand.seconds += 0.002
        clock.refused(49_990)
    hand.seconds += 1

    assert clock.now() == 50_990


def test_the_clock_of_a_partition_is_the_stores_as_soon_as_any_has_been_heard() -> None:
    class Own(Hand):
        def now_ms(self) -> int:
            return 7

    hand = Own()
    clocks = StoreClocks(hand)
    assert clocks.now_ms(1) == 7
    clocks.of(1)  # asked, and not answered yet
    clocks.of(0).heard(50_000)
    hand.seconds += 1
    assert clocks.now_ms(1) == 51_000
    clocks.of(1).heard(90_000)
    assert (clocks.now_ms(0), clocks.now_ms(1)) == (51_000, 90_000)
