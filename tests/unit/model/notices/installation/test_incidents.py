"""What is told of the installation, when, to whom: once, until it is over, by whichever notifiers see it."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from tests.unit.model.notices.installation.test_signs import NOW, WELL, seen
from waterclock.model.notices.installation.findings import Patience
from waterclock.model.notices.installation.incidents import KEPT_MOST, QUIET_MS, Standing, joined, judge_installation
from waterclock.model.notices.installation.looks import PartitionLook
from waterclock.model.notices.notice import Notice
from waterclock.model.notices.rule_book import RuleBook
from waterclock.model.notices.rules import Match, NoticeRules, Rule
from waterclock.model.positions import Position

CLOCK = Rule(name="clock", on=("clock", "recovered"), channels=("oncall",))
OTHER = Rule(name="other", on=("failed",), channels=("oncall", "ops"))
AFTER, GAP = 30.0, 5.0
LEADERLESS = replace(WELL, led_until=NOW - 1)


class Watch:
    """A notifier that looks once a second."""

    def __init__(self, *rules: Rule, standing: Standing | None = None, quiet: int = 0) -> None:
        self.book = RuleBook(NoticeRules(rules=rules or (CLOCK, OTHER)))
        self.standing = standing or Standing()
        self.at = 0
        self.quiet = quiet
        self._patience = Patience(gap=GAP)

    def look(self, *partitions: PartitionLook, seconds: int = 1, **more: Any) -> list[Notice]:
        """Look for so many seconds; what was told."""
        told: list[Notice] = []
        for _ in range(seconds):
            told += self._look(partitions or (WELL,), more)
        return told

    def _look(self, partitions: tuple[PartitionLook, ...], more: dict[str, Any]) -> list[Notice]:
        self.at += 1
        look = seen(*partitions, at=float(self.at), clock=NOW + 1000 * self.at, **more)
        findings = self._patience.findings(look, AFTER)
        notices, self.standing = judge_installation(self.book, self.standing, findings, look.clock, quiet=self.quiet)
        return notices


def said(notices: list[Notice]) -> list[tuple[str, str, str | None]]:
    return [(one.kind, one.rule, one.reason) for one in notices]


def test_what_lasts_is_told_once_after_its_time_and_then_that_it_is_over() -> None:
    watch = Watch()
    assert watch.look(LEADERLESS, seconds=30) == []
    [told] = watch.look(LEADERLESS)
    assert (told.kind, told.rule, told.reason, told.since) == ("clock", "clock", "noLeader", NOW - 1)
    assert watch.look(LEADERLESS, seconds=600) == []
    [over] = watch.look()
    assert (over.kind, over.recovers, over.of, over.reason) == ("recovered", "clock", told.id, "noLeader")
    assert watch.look(seconds=60) == []


def test_what_is_over_before_its_time_is_not_told() -> None:
    watch = Watch()
    assert watch.look(LEADERLESS, seconds=30) + watch.look() + watch.look(LEADERLESS, seconds=30) == []


def test_who_stood_still_begins_anew() -> None:
    watch = Watch()
    watch.look(LEADERLESS, seconds=29)
    watch.at += 6
    assert watch.look(LEADERLESS, seconds=30) == []
    assert said(watch.look(LEADERLESS)) == [("clock", "clock", "noLeader")]


def test_a_second_incident_has_ids_of_its_own() -> None:
    watch = Watch()
    first = watch.look(LEADERLESS, seconds=31) + watch.look()
    second = watch.look(LEADERLESS, seconds=31) + watch.look()
    assert said(first) == said(second) == [("clock", "clock", "noLeader"), ("recovered", "clock", "noLeader")]
    assert len({one.id for one in first + second}) == 4


def test_all_notifiers_give_the_same_ids_though_they_have_not_begun_together() -> None:
    here = Watch()
    here.look(LEADERLESS, seconds=31)
    here.look()
    there = Watch(standing=here.standing)
    there.at = here.at + 1000
    assert [one.id for one in here.look(LEADERLESS, seconds=31)] == [
        one.id for one in there.look(replace(LEADERLESS, led_until=NOW - 500), seconds=31)
    ]


def test_partitions_are_told_as_one_and_over_as_one() -> None:
    watch = Watch()
    well, odd = replace(WELL, partition=1), replace(LEADERLESS, partition=2, led_until=NOW - 7)
    watch.look(WELL, well, odd, seconds=30)
    [told] = watch.look(WELL, well, odd)
    assert (told.reason, told.since) == ("noLeader partition 2", NOW - 7)
    assert watch.look(LEADERLESS, well, replace(WELL, partition=2), seconds=60) == []
    assert said(watch.look(WELL, well, replace(WELL, partition=2))) == [("recovered", "clock", "noLeader partition 2")]


def test_many_partitions_are_named_in_part() -> None:
    watch = Watch()
    odd = [replace(LEADERLESS, partition=one) for one in range(1, 12)]
    [told] = watch.look(WELL, *odd, seconds=31)
    assert told.reason == "noLeader partitions 1, 2, 3, 4, 5, 6, 7, 8 and 3 more"


def test_while_it_is_not_known_it_is_not_over() -> None:
    watch = Watch()
    watch.look(LEADERLESS, seconds=31)
    silent = replace(WELL, silent="refused")
    assert watch.look(silent, seconds=30) == []
    assert said(watch.look(silent)) == [("clock", "clock", "halted\nrefused")]
    assert [one.reason for one in watch.look()] == ["halted\nrefused", "noLeader"]


def test_each_executor_is_told_for_itself_with_the_runs_of_all_partitions() -> None:
    watch = Watch()
    here, there = replace(WELL, lacked={"a": 2, "b": 1}), replace(WELL, partition=1, lacked={"a": 3})
    told = watch.look(here, there, seconds=31)
    assert [one.reason for one in told] == ["noExecutor a\n5 runs wait for it", "noExecutor b\n1 run waits for it"]
    assert [one.reason for one in watch.look(replace(here, lacked={"a": 2}), there)] == [told[1].reason]


def test_every_rule_that_names_clock_is_told_whatever_its_match_and_reminded_as_it_asks() -> None:
    narrow = replace(CLOCK, name="narrow", on=("clock",), match=Match(group="none"), remind=60.0)
    watch = Watch(CLOCK, narrow, OTHER)
    first = watch.look(LEADERLESS, seconds=31)
    assert said(first) == [("clock", "clock", "noLeader"), ("clock", "narrow", "noLeader")]
    later = watch.look(LEADERLESS, seconds=120)
    assert [(one.rule, one.reminder, one.of) for one in later] == [
        ("narrow", 1, first[1].id),
        ("narrow", 2, first[1].id),
    ]
    assert [one.rule for one in watch.look()] == ["clock"]  # the other does not ask for recoveries


def test_a_dead_channel_is_told_at_once_by_the_other_channels_of_the_rules_that_name_it() -> None:
    alone = replace(CLOCK, name="alone", channels=("ops",))
    watch = Watch(CLOCK, OTHER, alone)
    [told] = watch.look(dead={"ops": "no answer"}, seconds=99)
    assert (told.rule, told.channels, told.reason) == ("other", ("oncall",), "channel ops\nno answer")
    [over] = watch.look()
    assert (over.kind, over.recovers, over.channels) == ("recovered", "clock", ("oncall",))


def test_a_channel_that_is_no_more_does_not_recover() -> None:
    watch = Watch()
    watch.look(dead={"ops": "no answer"})
    watch.book = RuleBook(NoticeRules(rules=(CLOCK, replace(OTHER, channels=("oncall",)))))
    assert watch.look() == []


def steps(watch: Watch, until: int) -> Standing:
    """Incidents that begin and end, one after the other; the first `until` of these steps."""
    scenes: list[dict[str, Any]] = [
        {"partitions": (LEADERLESS,), "seconds": 31},
        {"partitions": (WELL,), "seconds": 1},
        {"partitions": (replace(WELL, silent="x"),), "seconds": 31},
        {"partitions": (LEADERLESS,), "seconds": 31},
        {"partitions": (WELL,), "seconds": 1},
    ]
    for scene in scenes[:until]:
        watch.look(*scene["partitions"], seconds=scene["seconds"])
    return watch.standing


@pytest.mark.parametrize("here", range(6))
@pytest.mark.parametrize("there", range(6))
def test_what_two_have_told_is_what_the_one_told_who_came_further(here: int, there: int) -> None:
    found = joined(steps(Watch(), here), steps(Watch(), there))

    assert found == steps(Watch(), max(here, there))


def test_what_two_have_told_of_one_incident_to_different_rules_is_told() -> None:
    here, there = (Watch(replace(CLOCK, name=name)) for name in ("a", "b"))
    for one in (here, there):
        one.look(LEADERLESS, seconds=31)

    both = Watch(replace(CLOCK, name="a"), replace(CLOCK, name="b"), standing=joined(here.standing, there.standing))
    assert both.look(LEADERLESS, seconds=40) == []
    assert sorted(one.rule for one in both.look()) == ["a", "b"]


def test_of_many_incidents_the_last_are_kept_and_no_id_comes_again() -> None:
    watch = Watch()
    ids: list[str] = []
    for number in range(KEPT_MOST + 2):
        ids += [one.id for one in watch.look(dead={f"c{number}": "x"})]
        watch.book = RuleBook(NoticeRules(rules=(replace(OTHER, channels=("oncall", f"c{number}", f"c{number + 1}")),)))
    watch.look()
    assert len(watch.standing.incidents) == KEPT_MOST
    first = replace(OTHER, channels=("oncall", "c1"))
    watch.book = RuleBook(NoticeRules(rules=(first,)))
    again = [one.id for one in watch.look(dead={"c1": "x"})]
    assert len(again) == 1
    assert again[0] not in ids


def test_while_one_of_two_sees_it_it_is_not_over() -> None:
    here, there = Watch(quiet=QUIET_MS), Watch(quiet=QUIET_MS)
    told = here.look(LEADERLESS, seconds=31)
    there.at = here.at
    for _ in range(120):  # one of them does not reach what the other does
        there.standing = here.standing
        told += there.look()
        here.standing = there.standing
        told += here.look(LEADERLESS)
    assert said(told) == [("clock", "clock", "noLeader")]
    assert here.look(seconds=4) == []
    assert said(here.look(seconds=3)) == [("recovered", "clock", "noLeader")]


def test_who_begins_to_look_does_not_take_for_over_what_he_cannot_see_yet() -> None:
    stuck = replace(WELL, last=Position(0, 1, 12))
    here = Watch()
    assert said(here.look(stuck, seconds=32)) == [("clock", "clock", "notProjected")]
    there = Watch(standing=here.standing)
    assert there.look(stuck, seconds=60) == []
    assert said(there.look(replace(stuck, projected=stuck.last))) == [("recovered", "clock", "notProjected")]
