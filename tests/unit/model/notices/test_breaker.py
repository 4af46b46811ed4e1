"""The breaker: when it trips, and how it is known."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from tests.unit.model.notices.story import NIGHTLY, J, Story, clock


def test_the_breaker_trips_at_so_many_failures_in_a_row_of_the_schedule_alone() -> None:
    story = Story()
    story.job(disable_after=2)
    story.failing("10:00", "a")
    story.succeeding("10:01", "by hand", trigger="manual")
    story.failing("10:02", "by hand too", trigger="manual")
    story.request("10:02", "gone")
    story.cancel("10:02", "gone")
    assert story.trips == []
    story.failing("10:03", "b", trigger="catchup")
    story.failing("10:04", "c")

    (trip,) = story.trips
    assert (trip.job, trip.version, trip.failures, trip.at) == (J, 1, 2, clock("10:03"))


@pytest.mark.parametrize("between", ["success", "edit", "enable"])
def test_the_breaker_counts_anew_after(between: str) -> None:
    story = Story()
    story.job(disable_after=2)
    story.failing("10:00", "a")
    story.request("10:01", "before")
    match between:
        case "success":
            story.succeeding("10:02", "b")
            story.cancel("10:02", "before")
        case "edit":
            story.edit("10:02", replace(NIGHTLY, remark="x"), disable_after=2)
            story.fail("10:03", "before")
        case _:
            story.disable("10:02")
            story.fail("10:02", "before")
            story.enable("10:03")
    story.failing("10:04", "c")
    assert story.trips == []
    story.failing("10:05", "d")

    (trip,) = story.trips
    assert trip.version == story.version


@pytest.mark.parametrize(
    ("actor", "told"), [("breaker", 1), ("breaker@10.0.0.1", 1), ("alice@10.0.0.1", 0), ("breaker-two@10.0.0.1", 0)]
)
def test_what_the_breaker_disables_is_known_by_the_actor(actor: str, told: int) -> None:
    story = Story()
    story.job()

    assert [one.kind for one in story.disable("10:00", actor)] == ["disabled"] * told
