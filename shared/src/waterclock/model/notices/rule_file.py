"""The file of rules, loaded from YAML already → rules.

    rules:
      - {name: nightly, match: {group: reports}, on: [failed, late, recovered], remind: 4h, channels: [oncall]}

A file that is wrong names each flaw by its path, such as `rules[0].on[2]`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from difflib import get_close_matches
from typing import Any, NamedTuple, TypeVar, cast

import msgspec
from msgspec.structs import fields

from waterclock.model.durations import short_seconds
from waterclock.model.notices.kinds import BAD_ENDS, KINDS, LASTING, Kind
from waterclock.model.notices.rules import (
    AFTER_MOST,
    CLOCK_LEAST,
    CLOCK_MOST,
    EVERY_LEAST,
    EVERY_MOST,
    REMIND_LEAST,
    REMIND_MOST,
    Heartbeat,
    Match,
    NoticeRules,
    Rule,
)
from waterclock.model.parameters.bounds import label_flaws

T = TypeVar("T")

RULES_MOST = 500
CHANNELS_MOST = 100
NAME_MOST = 64  # characters


class RuleFlaw(NamedTuple):
    path: str  # of the field, such as `rules[0].on[2]`; empty: the whole
    message: str

    def __str__(self) -> str:
        return f"{self.path}: {self.message}" if self.path else self.message


class BadRules(ValueError):
    """A file of rules is wrong; names every flaw."""

    def __init__(self, *flaws: RuleFlaw) -> None:
        super().__init__("; ".join(map(str, flaws)))
        self.flaws = flaws


def read_rules(found: object) -> NoticeRules:
    """The rules of a file that is loaded already; of an empty one, none.

    Raises:
        BadRules: names every flaw.
    """
    reading = _Reading()
    rules = reading.file({} if found is None else found)
    if reading.flaws:
        raise BadRules(*reading.flaws)
    assert rules is not None
    return rules


class _Reading:
    """Reads values of a file, and keeps what is wrong with them. A flawed value is None."""

    def __init__(self) -> None:
        self.flaws: list[RuleFlaw] = []

    def file(self, found: object) -> NoticeRules | None:
        members = self.members(found, "", NoticeRules)
        if members is None:
            return None
        named = self.mapping(members.get("channels", {}), "channels") or {}
        channels = {name: self.mapping(one, f"channels.{name}") or {} for name, one in named.items()}
        for name in channels:
            self.name(name, f"channels.{name}")
        self.bounded(len(channels), CHANNELS_MOST, "channels")
        rules = self.items(members.get("rules", []), "rules", lambda one, path: self.rule(one, path, channels))
        self.bounded(len(rules), RULES_MOST, "rules")
        self.twice([None if one is None else one.name for one in rules], "rules[{}].name", "another rule is named")
        beat = None
        if members.get("heartbeat") is not None:
            beat = self.heartbeat(members["heartbeat"])
        after = self.duration(members.get("clockAfter", 30.0), "clockAfter", CLOCK_LEAST, CLOCK_MOST)
        return NoticeRules(
            channels=channels,
            rules=tuple(one for one in rules if one is not None),
            heartbeat=beat,
            clock_after=after or 0.0,
        )

    def rule(self, found: object, path: str, channels: Iterable[str]) -> Rule | None:
        members = self.members(found, path, Rule)
        if members is None:
            return None
        name = self.name(members["name"], f"{path}.name") if "name" in members else None
        match = self.match(members["match"], f"{path}.match") if members.get("match") is not None else Match()
        kinds = cast("tuple[Kind, ...]", self.some_of(KINDS, members.get("on"), f"{path}.on", "kind"))
        known = tuple(channels)
        to = self.some_of(known, members.get("channels"), f"{path}.channels", "channel")
        after = self.whole(members.get("after", 1), f"{path}.after", AFTER_MOST)
        remind = members.get("remind")
        if remind is not None:
            remind = self.duration(remind, f"{path}.remind", REMIND_LEAST, REMIND_MOST)
        if kinds:
            self.fitting(path, frozenset(kinds), after=after or 1, remind=remind)
        if name is None or match is None or after is None:
            return None
        return Rule(
            name=name,
            match=match,
            on=kinds,
            after=after,
            remind=remind,
            channels=to,
        )

    def fitting(self, path: str, kinds: frozenset[Kind], *, after: int, remind: float | None) -> None:
        """Members of a rule that could never have an effect."""
        lasting = kinds & LASTING
        if "recovered" in kinds and not lasting:
            self.wrong(f"{path}.on", "names recovered, and nothing that one can recover from")
        if remind is not None and not lasting:
            self.wrong(f"{path}.remind", "has no effect: nothing that `on` names lasts")
        if after > 1 and not kinds & BAD_ENDS:
            self.wrong(f"{path}.after", "has no effect: `on` names none of failed, timedOut and died")

    def match(self, found: object, path: str) -> Match | None:
        members = self.members(found, path, Match)
        if members is None:
            return None
        texts = {
            name: self.text(members[name], f"{path}.{name}")
            for name in ("group", "job", "queue")
            if members.get(name) is not None
        }
        written = self.mapping(members.get("labels") or {}, f"{path}.labels") or {}
        labels: dict[str, str] = {}
        for name, value in written.items():
            if isinstance(value, str):
                labels[name] = value
            else:
                self.wrong(f"{path}.labels.{name}", "must be text: put it in quotes")
        for flaw in label_flaws(labels):
            name = flaw.pointer.removeprefix("/labels").removeprefix("/").replace("~1", "/").replace("~0", "~")
            self.wrong(f"{path}.labels.{name}" if name else f"{path}.labels", flaw.message)
        return Match(**texts, labels=labels)

    def heartbeat(self, found: object) -> Heartbeat | None:
        members = self.members(found, "heartbeat", Heartbeat)
        if members is None:
            return None
        url = self.text(members["url"], "heartbeat.url") if "url" in members else None
        every = self.duration(members.get("every", 60.0), "heartbeat.every", EVERY_LEAST, EVERY_MOST)
        return None if url is None or every is None else Heartbeat(url=url, every=every)

    def members(self, found: object, path: str, kind: type[msgspec.Struct]) -> dict[str, Any] | None:
        """The members of a mapping, of which each is one of the struct's, and those that it must have are there."""
        members = self.mapping(found, path)
        if members is None:
            return None
        known = [one.encode_name for one in fields(kind)]
        for name in members:
            if name not in known:
                self.wrong(_joined(path, name), f"is no member here{_hint(name, known)}")
        for one in fields(kind):
            if one.required and members.get(one.encode_name) is None:
                self.wrong(_joined(path, one.encode_name), "is missing")
        return members

    def mapping(self, found: object, path: str) -> dict[str, Any] | None:
        if not isinstance(found, dict):
            self.wrong(path, f"must be a mapping, not {_shown(found)}")
            return None
        # In YAML 1.1 a bare `on` is a truth value.
        return {"on" if name is True else str(name): value for name, value in cast("dict[Any, Any]", found).items()}

    def items(self, found: object, path: str, read: Callable[[object, str], T]) -> list[T]:
        if not isinstance(found, list | tuple):
            self.wrong(path, f"must be a list, not {_shown(found)}")
            return []
        return [read(one, f"{path}[{place}]") for place, one in enumerate(cast("list[object]", found))]

    def some_of(self, known: tuple[str, ...], found: object, path: str, what: str) -> tuple[str, ...]:
        """A list of such names, at least one, none of them twice."""
        if found is None:
            return ()  # told of already: it is missing
        flaws = len(self.flaws)
        names = self.items(found, path, self.text)
        if not names and flaws == len(self.flaws):
            self.wrong(path, f"is empty: name at least one {what}")
        for place, name in enumerate(names):
            if name is not None and name not in known:
                self.wrong(f"{path}[{place}]", f'"{name}" is no {what}{_hint(name, known)}')
        self.twice(names, f"{path}[{{}}]", f"this {what} is named before:")
        return tuple(name for name in names if name is not None)

    def twice(self, names: list[str | None], path: str, said: str) -> None:
        for place, name in enumerate(names):
            if name is not None and name in names[:place]:
                self.wrong(path.format(place), f"{said} {name}")

    def name(self, found: object, path: str) -> str | None:
        text = self.text(found, path)
        if text is not None and (not text.isprintable() or text.strip() != text or len(text) > NAME_MOST):
            self.wrong(path, f"must be 1 to {NAME_MOST} visible characters")
            return None
        return text

    def text(self, found: object, path: str) -> str | None:
        if isinstance(found, str) and found:
            return found
        self.wrong(path, "is empty" if found == "" else f"must be text, not {_shown(found)}")
        return None

    def whole(self, found: object, path: str, most: int) -> int | None:
        if isinstance(found, int) and not isinstance(found, bool) and 1 <= found <= most:
            return found
        self.wrong(path, f"must be a whole number from 1 to {most}")
        return None

    def duration(self, found: object, path: str, least: float, most: float) -> float | None:
        if isinstance(found, bool) or not isinstance(found, int | float | str):
            self.wrong(path, "is no duration: write 4h, 90s, PT1M30S or a number of seconds")
            return None
        try:
            read = short_seconds(found)
        except ValueError as error:
            self.wrong(path, str(error))
            return None
        if not least <= read <= most:
            self.wrong(path, f"must be from {least:.15g} to {most:.15g} seconds")
            return None
        return float(read)

    def bounded(self, count: int, most: int, path: str) -> None:
        if count > most:
            self.wrong(path, f"has {count} entries; the maximum is {most}")

    def wrong(self, path: str, message: str) -> None:
        self.flaws.append(RuleFlaw(path, message))


def _joined(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _hint(given: str, known: Iterable[str]) -> str:
    folded = {one.casefold(): one for one in known}
    close = get_close_matches(given.casefold(), folded, n=1) if len(given) <= NAME_MOST else []
    return f"; did you mean {folded[close[0]]}?" if close else ""


def _shown(found: object) -> str:
    match found:
        case None:
            return "nothing"
        case bool():
            return "a truth value"
        case int() | float():
            return "a number"
        case str():
            return "text"
        case dict():
            return "a mapping"
        case _:
            return "a list"
