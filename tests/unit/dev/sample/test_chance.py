"""Chance from a seed."""

from __future__ import annotations

from waterclock_dev.sample.chance import Chance


def test_a_seed_says_the_same_on_every_machine() -> None:
    chance = Chance("tide")
    assert [chance.between(1, 6) for _ in range(8)] == [2, 5, 3, 3, 1, 2, 2, 6]
    assert Chance("tide").bits() != Chance("ebb").bits()


def test_numbers_stay_within_their_bounds() -> None:
    chance = Chance("bounds")
    assert {chance.between(3, 5) for _ in range(200)} == {3, 4, 5}
    assert all(0 <= chance.fraction() < 1 for _ in range(1_000))
    drawn = sorted(chance.about(100, 200) for _ in range(2_000))
    assert drawn[0] >= 100
    assert 130 < drawn[1_000] < 170
    assert 200 < drawn[-1] <= 500
    assert {chance.one_of("abc") for _ in range(100)} == set("abc")
