"""A judgement under way: facts as they are after what was judged so far, and what is to be told of it."""

from __future__ import annotations

from typing import TypeVar

import msgspec
from msgspec.structs import replace

from waterclock.model.ids import JobId, RunId
from waterclock.model.notices.facts import (
    AnyFact,
    Binding,
    Break,
    CatchUp,
    Changes,
    OpenRun,
    Place,
    Silence,
    Trouble,
    WatchedJob,
    What,
    catchup_key,
    job_key,
    place_key,
    run_key,
    silence_key,
    trouble_key,
)
from waterclock.model.notices.kinds import Kind
from waterclock.model.notices.known import Facts
from waterclock.model.notices.notice import BrokenPromise, Notice, Trip, notice_id
from waterclock.model.notices.rule_book import PROMISED, RuleBook
from waterclock.model.notices.rules import Rule
from waterclock.model.positions import Position

F = TypeVar("F", bound=AnyFact)


class Judged(msgspec.Struct, frozen=True, kw_only=True):
    """What follows: notices and broken promises in the order in which they came to be, jobs that the breaker disables,
    changed facts."""

    notices: tuple[Notice, ...]
    broken: tuple[BrokenPromise, ...]
    trips: tuple[Trip, ...]
    changes: Changes


class Occasion(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What has happened, whoever is told of it. `moment` tells it from others of its kind and subject."""

    kind: Kind
    at: int
    position: Position
    binding: Binding
    moment: object
    since: int
    run_id: RunId | None = None
    instant: int | None = None
    last: int | None = None
    due: int | None = None
    what: What | None = None
    attempt: int | None = None
    reason: str | None = None


class Draft:
    def __init__(self, book: RuleBook, facts: Facts) -> None:
        self.book = book
        self.notices: list[Notice] = []
        self.broken: list[BrokenPromise] = []
        self.trips: list[Trip] = []
        self._facts = facts
        self._changes: dict[str, AnyFact | None] = {}
        self._runs: dict[JobId, set[str]] = {}

    def judged(self) -> Judged:
        return Judged(
            notices=tuple(self.notices), broken=tuple(self.broken), trips=tuple(self.trips), changes=self._changes
        )

    # --- facts ---

    def job(self, job_id: JobId | None) -> WatchedJob | None:
        return None if job_id is None else self._get(job_key(job_id), WatchedJob)

    def run(self, run_id: RunId) -> OpenRun | None:
        return self._get(run_key(run_id), OpenRun)

    def catchup(self, job_id: JobId, at: int) -> CatchUp | None:
        return self._get(catchup_key(job_id, at), CatchUp)

    def silence(self, job_id: JobId) -> Silence | None:
        return self._get(silence_key(job_id), Silence)

    def trouble(self, job_id: JobId) -> Trouble | None:
        return self._get(trouble_key(job_id), Trouble)

    def place(self, partition: int) -> Place | None:
        return self._get(place_key(partition), Place)

    def runs_of(self, job_id: JobId) -> list[OpenRun]:
        keys = self._runs.get(job_id, set()).union(self._facts.runs_of(job_id))
        return [run for key in sorted(keys) if (run := self._get(key, OpenRun)) is not None]

    def due_by(self, clock: int) -> list[AnyFact]:
        """Facts about which that reading of the clock may say something."""
        kept = [key for key in self._facts.due_by(clock) if key not in self._changes]
        found = [fact for key in (*kept, *self._changes) if (fact := self.get(key)) is not None]
        return [fact for fact in found if fact.due is not None and fact.due <= clock]

    def all(self) -> list[AnyFact]:
        kept = [fact for fact in self._facts if fact.key not in self._changes]
        return [*kept, *(fact for fact in self._changes.values() if fact is not None)]

    def get(self, key: str) -> AnyFact | None:
        return self._changes[key] if key in self._changes else self._facts.get(key)

    def put(self, fact: AnyFact) -> None:
        self._changes[fact.key] = fact
        if isinstance(fact, OpenRun) and fact.job_id is not None:
            self._runs.setdefault(fact.job_id, set()).add(fact.key)

    def drop(self, key: str) -> None:
        self._changes[key] = None

    def put_trouble(self, trouble: Trouble) -> None:
        if not trouble.over:
            self.put(trouble)
        elif self.get(trouble.key) is not None:
            self.drop(trouble.key)

    def _get(self, key: str, kind: type[F]) -> F | None:
        found = self.get(key)
        assert found is None or isinstance(found, kind)
        return found

    # --- telling ---

    def note_broken(self, one: Occasion) -> None:
        """A promise is broken, whoever is told of it."""
        job_id = one.binding.job_id
        if job_id is None:
            return
        self.broken.append(
            BrokenPromise(
                id=_id_of(PROMISED, one),
                kind=one.kind,
                job=job_id,
                at=one.at,
                position=str(one.position),
                run=one.run_id,
                instant=one.instant,
                last=one.last,
                due=one.due,
                what=one.what,
                attempt=one.attempt,
            )
        )

    def tell(self, rule: Rule, one: Occasion, *, count: int = 1) -> str:
        """Tell a rule of it; returns the notice's id."""
        found = _id_of(rule, one)
        self._tell(rule, one, found, count=count, since=one.since)
        return found

    def tell_all(self, one: Occasion) -> None:
        """Tell each rule that names it, as something that does not last."""
        for rule in self.book.about(one.binding).get(one.kind, ()):
            self.tell(rule, one)

    def lasts(
        self, trouble: Trouble, rule: Rule, one: Occasion, *, times: int = 1, seen: int = 0, deadline: bool = False
    ) -> tuple[Trouble, Break]:
        """Tell a rule of what lasts, if it was not told before; else only count it.

        `times`: how often it happened now; `seen`: how often since `one.since`, if more; `deadline`: it is one.
        """
        known = trouble.open(rule.name, one.kind)
        if known is not None:
            more = replace(
                known,
                count=known.count + times,
                outstanding=known.outstanding + deadline,
                run=one.run_id,
                instant=one.instant,
                due=one.due,
            )
            return replace(trouble, breaks=tuple(more if old is known else old for old in trouble.breaks)), more
        count = max(times, seen)
        opened = Break(
            rule=rule.name,
            kind=one.kind,
            opened=self.tell(rule, one, count=count),
            since=one.since,
            count=count,
            outstanding=int(deadline),
            run=one.run_id,
            instant=one.instant,
            due=one.due,
            remind_at=_next(rule, one.at),
        )
        return replace(trouble, breaks=(*trouble.breaks, opened)), opened

    def recovered(self, closed: Break, by: Occasion) -> None:
        """Tell the rule that was told of a break that it is over, if it asks for that."""
        rule = self.book.rules.get(closed.rule)
        if rule is None or "recovered" not in rule.on:
            return
        found = notice_id(closed.opened, "recovered")
        of = closed.opened
        self._tell(rule, by, found, count=closed.count, since=closed.since, of=of, recovers=closed.kind)

    def remind(self, trouble: Trouble, due: Break, one: Occasion) -> Trouble:
        """Tell a rule of a break again."""
        rule = self.book.rules[due.rule]
        number = due.reminders + 1
        found = notice_id(due.opened, "reminder", number)
        self._tell(rule, one, found, count=due.count, since=due.since, of=due.opened, reminder=number)
        later = replace(due, reminders=number, remind_at=_next(rule, one.at))
        return replace(trouble, breaks=tuple(later if old is due else old for old in trouble.breaks))

    def _tell(
        self,
        rule: Rule,
        one: Occasion,
        found: str,
        *,
        count: int,
        since: int,
        of: str | None = None,
        recovers: Kind | None = None,
        reminder: int = 0,
    ) -> None:
        if rule is PROMISED:
            return
        binding = one.binding
        self.notices.append(
            Notice(
                id=found,
                kind="recovered" if recovers is not None else one.kind,
                rule=rule.name,
                channels=rule.channels,
                at=one.at,
                since=since,
                count=count,
                position=str(one.position),
                job=binding.job_id,
                run=one.run_id,
                group=binding.group,
                name=binding.name,
                instant=one.instant,
                last=one.last,
                due=one.due,
                what=one.what,
                attempt=one.attempt,
                reason=one.reason,
                of=of,
                recovers=recovers,
                reminder=reminder,
            )
        )


def _id_of(rule: Rule, one: Occasion) -> str:
    subject = one.run_id or one.binding.job_id or one.position.partition
    return notice_id(rule.name, one.kind, subject, one.what, one.attempt, one.moment)


def without(trouble: Trouble, *breaks: Break) -> Trouble:
    return replace(trouble, breaks=tuple(one for one in trouble.breaks if one not in breaks))


def _next(rule: Rule, at: int) -> int | None:
    return None if rule.remind is None else at + round(rule.remind * 1000)
