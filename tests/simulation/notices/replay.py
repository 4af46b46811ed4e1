"""A history judged in batches, with facts kept as a store does: as bytes in rows, loaded as a batch touches them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from random import Random  # noqa: TID251  a history is repeated from its seed
from typing import NamedTuple

from tests.simulation.notices.oracle import Told, Tripped
from tests.simulation.notices.world import BREAKER, Step
from waterclock.model.ids import partition_of
from waterclock.model.notices.facts import AnyFact, Changes, place_key
from waterclock.model.notices.inputs import Input
from waterclock.model.notices.judge import drop_outdated, judge, judge_all
from waterclock.model.notices.known import Facts, Touched, decode, encode, touched
from waterclock.model.notices.notice import Notice, Trip
from waterclock.model.notices.rule_book import RuleBook
from waterclock.model.notices.rules import NoticeRules


class Row(NamedTuple):
    job: str | None
    run: str | None
    due: int | None
    body: bytes


class Shelf:
    """Rows under keys, as a table has them."""

    def __init__(self, partitions: int) -> None:
        self.partitions = partitions
        self.rows: dict[str, Row] = {}

    def load(self, wanted: Touched) -> Facts:
        def found(key: str, row: Row) -> bool:
            owner = row.job or row.run
            return (
                (row.job in wanted.jobs and row.run is None)
                or row.run in wanted.runs
                or row.job in wanted.whole
                or (row.due is not None and wanted.due is not None and row.due <= wanted.due)
                or (owner is not None and partition_of(owner, self.partitions) in wanted.homes)
                or any(key == place_key(place) for place in wanted.places)
            )

        rows = {key: row for key, row in self.rows.items() if found(key, row)}
        jobs = {row.job for row in rows.values() if row.job is not None}
        rows |= {key: row for key, row in self.rows.items() if row.job in jobs and row.run is None}
        return Facts(decode(row.body) for row in rows.values())

    def all(self) -> list[AnyFact]:
        return [decode(row.body) for row in self.rows.values()]

    def keep(self, changes: Changes) -> None:
        for key, fact in changes.items():
            if fact is None:
                self.rows.pop(key, None)
            else:
                assert fact.key == key
                self.rows[key] = Row(fact.job_id, fact.run_id, fact.due, encode(fact))


class Replayed(NamedTuple):
    notices: list[tuple[int, Notice]]
    trips: list[tuple[int, Trip]]
    facts: list[AnyFact]


def one_by_one(rules: NoticeRules, steps: Sequence[Step]) -> Replayed:
    """Each step for itself, with all facts at hand."""
    book, facts = RuleBook(rules, breakers=[BREAKER]), Facts()
    notices: list[tuple[int, Notice]] = []
    trips: list[tuple[int, Trip]] = []
    for number, step in enumerate(steps):
        if step.rules is not None:
            book = RuleBook(step.rules, breakers=[BREAKER])
            facts.apply(drop_outdated(book, list(facts)))
        if step.given is not None and not step.hidden:
            judged = judge(book, facts, step.given)
            notices += [(number, one) for one in judged.notices]
            trips += [(number, one) for one in judged.trips]
            facts.apply(judged.changes)
    return Replayed(notices, trips, list(facts))


def in_batches(rules: NoticeRules, steps: Sequence[Step], chance: Random, *, partitions: int) -> Replayed:
    """Batches of any size, each by a process that knows only what the rows say."""
    book, shelf = RuleBook(rules, breakers=[BREAKER]), Shelf(partitions)
    notices: list[tuple[int, Notice]] = []
    trips: list[tuple[int, Trip]] = []
    batch: list[Input] = []

    def flush() -> None:
        judged = judge_all(book, shelf.load(touched(batch)), batch)
        notices.extend((0, one) for one in judged.notices)
        trips.extend((0, one) for one in judged.trips)
        shelf.keep(judged.changes)
        batch.clear()

    for step in steps:
        if step.rules is not None:
            flush()
            book = RuleBook(step.rules, breakers=[BREAKER])
            shelf.keep(drop_outdated(book, shelf.all()))
        if step.given is not None and not step.hidden:
            batch.append(step.given)
        if chance.random() < 0.2:
            flush()
    flush()
    return Replayed(notices, trips, shelf.all())


def told(replayed: Replayed) -> list[Told]:
    """Notices as the oracle tells them."""
    ids = {one.id: (number, one.kind) for number, one in replayed.notices}
    found = [
        Told(
            step=number,
            kind=one.kind,
            rule=one.rule,
            channels=one.channels,
            at=one.at,
            since=one.since,
            count=one.count,
            position=str(one.position),
            job=one.job,
            run=one.run,
            group=one.group,
            name=one.name,
            instant=one.instant,
            last=one.last,
            due=one.due,
            what=one.what,
            attempt=one.attempt,
            reason=one.reason,
            of=None if one.of is None else ids[one.of],
            recovers=one.recovers,
            reminder=one.reminder,
        )
        for number, one in replayed.notices
    ]
    return in_order(found)


def tripped(replayed: Replayed) -> list[Tripped]:
    return [Tripped(number, one.job, one.version, one.failures) for number, one in replayed.trips]


def in_order(found: Iterable[Told]) -> list[Told]:
    return sorted(found, key=lambda one: (one.step, repr(one)))
