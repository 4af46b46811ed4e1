"""A rehearsal tells what a notifier tells that looks at the clock after each event, and whenever it did."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest

from tests.simulation.notices.world import BREAKER, PARTITIONS, World
from waterclock.model.notices.inputs import Hole, Input, Passed, Reading, Seen, Snapshot, Unread
from waterclock.model.notices.judge import judge
from waterclock.model.notices.kinds import KINDS
from waterclock.model.notices.known import Facts
from waterclock.model.notices.notice import Notice
from waterclock.model.notices.past import rehearsal
from waterclock.model.notices.past.rehearsal import Rehearsal
from waterclock.model.notices.reading import tells_of_jump
from waterclock.model.notices.rule_book import RuleBook
from waterclock.model.positions import Position

HISTORIES = 150


def calm(seed: int) -> World | None:
    """A history in which rules do not change and nothing is lost; None: it is another."""
    world = World(seed)
    world.calm = True
    world.play()
    lost = any(isinstance(step.given, Hole) or step.hidden or step.rules is not None for step in world.steps)
    return None if lost else world


def looked_at(world: World, partition: int) -> Iterator[Input]:
    """What a notifier is given that looks at the clock after each event, too."""
    latest = 0
    for step in world.steps:
        given = step.given
        if given is None or isinstance(given, Hole):
            continue
        place = given.last if isinstance(given, Reading) else given.position
        if place.partition != partition:
            continue
        yield given
        if isinstance(given, Seen | Unread):
            latest = max(latest, given.at)
            yield Reading(clock=latest, last=place, partitions=PARTITIONS)


def told_and_stored(world: World, given: list[Input]) -> tuple[list[Notice], list[Reading]]:
    """What follows, and the readings of the history by which something was judged."""
    book, facts = RuleBook(world.first_rules, breakers=[BREAKER]), Facts()
    own = {id(step.given) for step in world.steps}
    notices: list[Notice] = []
    stored: list[Reading] = []
    for one in given:
        judged = judge(book, facts, one)
        facts.apply(judged.changes)
        notices += judged.notices
        if isinstance(one, Reading) and id(one) in own and (judged.notices or judged.broken or tells_of_jump(one)):
            stored.append(one)
    return notices, stored


def rehearsed(world: World, given: list[Input], stored: list[Reading], partition: int) -> list[Notice]:
    nothing = Snapshot(positions=(Position(partition, 0, 0),), partitions=PARTITIONS)
    again = Rehearsal(RuleBook(world.first_rules, breakers=[BREAKER]), nothing)
    again.expect(stored)
    again.go_on(one for one in given if isinstance(one, Seen | Unread | Passed))
    again.end(0)
    return again.taken()


def test_a_rehearsal_tells_what_was_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rehearsal, "AWAITED_MS", 0)
    kinds: Counter[str] = Counter()
    for seed in range(HISTORIES):
        world = calm(seed)
        for partition in range(0 if world is None else PARTITIONS):
            assert world is not None
            given = list(looked_at(world, partition))
            told, stored = told_and_stored(world, given)
            assert rehearsed(world, given, stored, partition) == told, seed
            kinds.update(one.kind for one in told)
            kinds.update(stored=len(stored), reminder=sum(one.reminder > 0 for one in told))
    too_calm = {*KINDS, "stored", "reminder"} - {"clock", "unreadable", "disabled"} - set(kinds)
    assert not too_calm
