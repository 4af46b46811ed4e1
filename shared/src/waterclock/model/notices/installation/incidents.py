"""What is told of the installation itself: findings → notices, and what was told then.

    findings ──► begun: told to each rule that asks ──► lasts: reminders ──► over: the recovery

All notifiers look for themselves, and one of them may not reach Postgres, where what was told is kept. So the id of a
notice follows from the subject and from how many incidents of it there were before: that each of them knows, from when
it read last. Who has told what the store does not know yet joins it with what the store has (`joined`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

import msgspec
from msgspec.structs import replace

from waterclock.model.notices.installation.findings import Finding, Findings
from waterclock.model.notices.installation.signs import Subject
from waterclock.model.notices.notice import Notice, notice_id
from waterclock.model.notices.rule_book import RuleBook
from waterclock.model.notices.rules import Rule

KEPT_MOST = 500
QUIET_MS = 5_000
"""It is over when nobody has seen it for so long: not all need to see the same, and who sees it tells the others so."""


class Told(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A rule was told of an incident. `opened`: id of the notice."""

    rule: str
    opened: str
    remind_at: int | None = None
    reminders: int = 0


class Incident(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The last of its subject. `number`: which, from 1."""

    subject: Subject
    number: int
    since: int
    about: str = ""
    said: str = ""
    is_over: bool = False
    seen: int = 0  # when somebody saw it last, about
    told: tuple[Told, ...] = ()

    @property
    def reason(self) -> str:
        found = f"{self.subject.trouble} {self.about}".rstrip()
        return f"{found}\n{self.said}" if self.said else found


class Standing(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How the installation stands, as far as it was told. `forgotten`: the greatest number of those not kept."""

    incidents: tuple[Incident, ...] = ()
    forgotten: int = 0


class Judged(NamedTuple):
    notices: list[Notice]
    standing: Standing


def judge_installation(
    book: RuleBook, standing: Standing, findings: Findings, at: int, *, quiet: int = QUIET_MS
) -> Judged:
    """What is to be told now. `at`: our clock, ms. `quiet`: for how long nobody sees what is over, ms."""
    notices: list[Notice] = []
    incidents = {one.subject: one for one in standing.incidents}
    for subject, found in sorted(findings.told.items()):
        incident = _open(incidents.get(subject), subject, found, standing.forgotten)
        incidents[subject] = _told(book, incident, at, notices)
    for subject, incident in incidents.items():
        if incident.is_over:
            continue
        if subject in findings.lasting and at - incident.seen >= quiet // 3:
            incidents[subject] = replace(incident, seen=at)
        elif findings.is_over(subject) and at - incident.seen >= quiet:
            notices += _recoveries(book, incident, at)
            incidents[subject] = replace(incident, is_over=True)
    return Judged(notices, _kept(incidents, standing.forgotten))


def joined(one: Standing, other: Standing) -> Standing:
    """What two have told: of each subject what has come further, of one incident what both have told."""
    incidents = {each.subject: each for each in one.incidents}
    for each in other.incidents:
        known = incidents.get(each.subject)
        if known is None or (known.number, known.is_over) < (each.number, each.is_over):
            incidents[each.subject] = each if known is None else _with(each, known)
        else:
            incidents[each.subject] = _with(known, each)
    return _kept(incidents, max(one.forgotten, other.forgotten))


def _with(one: Incident, other: Incident) -> Incident:
    if one.number != other.number:
        return one
    further = {each.rule: each for each in other.told}
    told = tuple(max((each, further.pop(each.rule, each)), key=lambda said: said.reminders) for each in one.told)
    return replace(one, told=_in_order((*told, *further.values())), seen=max(one.seen, other.seen))


def _in_order(told: Iterable[Told]) -> tuple[Told, ...]:
    """The same whatever the order of rules: so that what says the same is the same."""
    return tuple(sorted(told, key=lambda one: one.rule))


def _open(known: Incident | None, subject: Subject, found: Finding, forgotten: int) -> Incident:
    """The incident that is under way: the one that is known, unless it is over."""
    if known is not None and not known.is_over:
        return known
    number = (forgotten if known is None else known.number) + 1
    return Incident(subject=subject, number=number, since=found.since, about=found.about, said=found.said)


def _told(book: RuleBook, incident: Incident, at: int, notices: list[Notice]) -> Incident:
    """Tell those who were not told, and remind those who are to be reminded."""
    told: list[Told] = []
    by_rule = {one.rule: one for one in incident.told}
    for rule, channels in _audience(book, incident.subject):
        known = by_rule.pop(rule.name, None)
        if known is None:
            opened = notice_id(rule.name, "clock", *incident.subject, incident.number)
            known = Told(rule=rule.name, opened=opened, remind_at=_next(rule, incident, at))
            notices.append(_notice(incident, rule, channels, at, named=opened))
        elif known.remind_at is not None and known.remind_at <= at:
            number = known.reminders + 1
            found = notice_id(known.opened, "reminder", number)
            notices.append(_notice(incident, rule, channels, at, named=found, of=known.opened, reminder=number))
            known = replace(known, reminders=number, remind_at=_next(rule, incident, at))
        told.append(known)
    return replace(incident, told=_in_order((*told, *by_rule.values())))


def _recoveries(book: RuleBook, incident: Incident, at: int) -> Iterator[Notice]:
    by_rule = {one.rule: one for one in incident.told}
    for rule, channels in _audience(book, incident.subject):
        known = by_rule.get(rule.name)
        if known is not None and ("recovered" in rule.on or incident.subject.trouble == "channel"):
            found = notice_id(known.opened, "recovered")
            yield replace(
                _notice(incident, rule, channels, at, named=found, of=known.opened), kind="recovered", recovers="clock"
            )


def _audience(book: RuleBook, subject: Subject) -> Iterator[tuple[Rule, tuple[str, ...]]]:
    """Who is told, through which channels. Of a channel those who are told by it, through the others that they have."""
    if subject.trouble != "channel":
        yield from ((rule, rule.channels) for rule in book.about_installation())
        return
    for rule in book.rules.values():
        others = tuple(one for one in rule.channels if one != subject.name)
        if others and others != rule.channels:
            yield rule, others


def _notice(
    incident: Incident,
    rule: Rule,
    channels: tuple[str, ...],
    at: int,
    *,
    named: str,
    of: str | None = None,
    reminder: int = 0,
) -> Notice:
    return Notice(
        id=named,
        kind="clock",
        rule=rule.name,
        channels=channels,
        at=at,
        since=min(incident.since, at),
        reason=incident.reason,
        of=of,
        reminder=reminder,
        incident=incident.number,
    )


def _next(rule: Rule, incident: Incident, at: int) -> int | None:
    if rule.remind is None or incident.subject.trouble == "channel":
        return None
    return at + round(rule.remind * 1000)


def _kept(incidents: Mapping[Subject, Incident], forgotten: int) -> Standing:
    """All that is open, and what is over as far as there is room."""
    over = sorted((one.number, one.subject) for one in incidents.values() if one.is_over)
    gone = over[: max(0, len(incidents) - KEPT_MOST)]
    forgotten = max((forgotten, *(number for number, _ in gone)))
    left = {subject for _, subject in gone}
    kept = tuple(one for subject, one in sorted(incidents.items()) if subject not in left)
    return Standing(incidents=kept, forgotten=forgotten)
