"""What one look at the installation, and the one before, say is wrong with it."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from waterclock.model.notices.installation.looks import Look, PartitionLook
from waterclock.model.notices.installation.signs import Sign, Subject, Trouble, is_known, signs_of
from waterclock.model.positions import Position

NOW = 1_000_000
WELL = PartitionLook(
    partition=0,
    now=NOW,
    led_until=NOW + 1,
    next_at=0,
    last=Position(0, 1, 9),
    projected=Position(0, 1, 9),
    judged=Position(0, 1, 9),
    lacked={},
)


def seen(*partitions: PartitionLook, **more: Any) -> Look:
    known: dict[str, Any] = {"at": 0.0, "clock": NOW, "dead": dict[str, str]()} | more
    return Look(partitions=partitions, **known)


def of(sign: Sign) -> tuple[Trouble, str, int | None, int]:
    return sign.subject.trouble, sign.subject.name, sign.partition, sign.since


def found(look: Look, before: Look | None = None) -> list[tuple[Trouble, str, int | None, int]]:
    return [of(one) for one in signs_of(look if before is None else before, look)]


@pytest.mark.parametrize(
    ("odd", "told"),
    [
        ({}, []),
        ({"led_until": NOW}, [("noLeader", "", 0, NOW)]),
        ({"led_until": NOW - 9_000}, [("noLeader", "", 0, NOW - 9_000)]),
        ({"led_until": 0}, [("noLeader", "", 0, NOW)]),
        ({"next_at": None}, []),
        ({"next_at": NOW - 2_500}, []),
        ({"next_at": NOW - 2_501}, [("overdue", "", 0, NOW - 2_501)]),
        ({"next_at": NOW - 9_000, "led_until": NOW - 8_000}, [("noLeader", "", 0, NOW - 8_000)]),
        ({"due": NOW - 2_000}, []),
        ({"due": NOW - 2_001}, [("undecided", "", 0, NOW - 2_001)]),
        ({"lacked": None}, []),
        ({"lacked": {"report.daily": 3}}, [("noExecutor", "report.daily", 0, NOW)]),
        ({"silent": "Connection refused", "led_until": 0, "lacked": {"a": 1}, "due": 1}, [("halted", "", 0, NOW)]),
    ],
)
def test_a_partition_is_told_of_by_what_is_wrong_with_it(odd: dict[str, Any], told: list[Any]) -> None:
    assert found(seen(replace(WELL, **odd))) == told


@pytest.mark.parametrize(
    ("before", "now", "stands"),
    [
        ({}, {}, False),
        ({"last": Position(0, 1, 12)}, {"last": Position(0, 1, 12)}, True),
        ({"last": Position(0, 1, 12)}, {"last": Position(0, 1, 15), "projected": Position(0, 1, 10)}, False),
        ({}, {"last": Position(0, 1, 12)}, False),  # it may be about to be projected
        ({"projected": None}, {"projected": None}, True),
        ({"projected": None, "last": None}, {"projected": None, "last": None}, False),
        ({"last": Position(0, 1, 7)}, {"last": Position(0, 1, 7)}, True),  # the archive is ahead of the log
        ({"last": Position(0, 1, 8)}, {}, False),  # it was read before the log was
        ({"silent": "no answer", "last": None}, {"last": Position(0, 1, 12)}, False),
    ],
)
def test_the_projection_stands_if_it_does_not_move_from_one_look_to_the_next(
    before: dict[str, Any], now: dict[str, Any], *, stands: bool
) -> None:
    looks = [seen(replace(WELL, **odd)) for odd in (before, now)]

    assert [one for one, *_ in found(looks[1], looks[0])] == (["notProjected"] if stands else [])


def test_where_nothing_is_projected_nothing_is_told_of_promises() -> None:
    stuck = seen(replace(WELL, last=Position(0, 1, 12), due=1))

    assert [one for one, *_ in found(stuck, stuck)] == ["notProjected"]


def test_a_store_that_is_silent_is_told_as_the_projection_and_hides_what_it_would_say() -> None:
    stuck = replace(WELL, last=Position(0, 1, 12), due=1)
    look = seen(stuck, store_silent="refused", dead=None)
    [sign] = signs_of(look, look)

    assert (of(sign), sign.said) == (("notProjected", "", None, NOW), "refused")
    assert [one for one, *_ in found(seen(stuck), look)] == []  # what it says now was not seen before


def test_a_dead_channel_is_told_by_its_name() -> None:
    [sign] = signs_of(None, seen(WELL, dead={"ops": "410"}))

    assert (sign.subject, sign.said) == (Subject("channel", "ops"), "410")


LEADERLESS = replace(WELL, led_until=0)
SILENT = replace(WELL, silent="no answer", lacked=None)


@pytest.mark.parametrize(
    ("look", "known"),
    [
        (seen(WELL, WELL), {"halted", "noLeader", "overdue", "notProjected", "undecided", "noExecutor", "channel"}),
        (seen(WELL, SILENT), {"halted", "channel"}),
        (seen(WELL, store_silent="no", dead=None), {"halted", "noLeader", "overdue", "noExecutor"}),
        (
            seen(replace(WELL, led_until=0)),
            {"halted", "noLeader", "notProjected", "undecided", "noExecutor", "channel"},
        ),
        (seen(replace(WELL, lacked=None)), {"halted", "noLeader", "overdue", "notProjected", "undecided", "channel"}),
    ],
)
def test_a_trouble_is_over_only_by_a_look_that_would_have_seen_it(look: Look, known: set[Trouble]) -> None:
    troubles: tuple[Trouble, ...] = (
        "halted", "noLeader", "overdue", "notProjected", "undecided", "noExecutor", "channel",
    )  # fmt: skip
    assert {trouble for trouble in troubles if is_known(Subject(trouble), look, look)} == known


@pytest.mark.parametrize("before", [None, seen(SILENT), seen(WELL, store_silent="no", dead=None)])
def test_what_takes_two_looks_is_not_known_to_be_over_by_the_first(before: Look | None) -> None:
    assert not is_known(Subject("notProjected"), before, seen(WELL))
    assert is_known(Subject("undecided"), before, seen(WELL))
