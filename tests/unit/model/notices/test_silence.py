"""A job that promises to succeed now and then."""

from __future__ import annotations

from msgspec.structs import replace

from tests.unit.model.notices.story import ALL, Story, clock


def test_a_job_that_does_not_succeed_in_time_is_silent_until_it_does() -> None:
    story = Story()
    story.job("09:00", success_within=3_600)
    assert story.read("10:00") == []
    (silent,) = story.read("10:00:00.001")
    assert story.read("15:00") == []
    assert story.succeeding("15:01", "b", trigger="backfill") == []
    (recovered,) = story.succeeding("15:02", "c", trigger="manual")

    assert (silent.kind, silent.due, silent.run) == ("silent", clock("10:00"), None)
    assert recovered.of == silent.id
    assert [one.kind for one in story.read("16:03")] == ["silent"]


def test_a_success_that_comes_too_late_breaks_it_and_ends_it_in_the_same_breath() -> None:
    story = Story()
    story.job("09:00", success_within=3_600)

    assert [one.kind for one in story.succeeding("11:00", "a")] == ["silent", "recovered"]


def test_an_edit_and_an_enable_begin_the_silence_anew() -> None:
    story = Story()
    story.job("09:00", success_within=3_600)
    story.edit("09:50", success_within=3_600)
    assert story.read("10:30") == []
    story.disable("10:40")
    assert story.read("14:00") == []
    story.enable("14:00")
    assert story.read("15:00") == []
    assert [one.kind for one in story.read("15:00:01")] == ["silent"]


def test_a_silence_that_is_promised_no_more_is_over() -> None:
    story = Story(replace(ALL, remind=60.0))
    story.job("09:00", success_within=3_600)
    story.read("10:01")
    story.edit("10:02")

    assert story.read("15:00") == []
    assert story.succeeding("15:01", "a") == []
