"""What has been wrong with the installation for so long that it is told: looks → findings."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from waterclock.model.notices.installation.looks import Look
from waterclock.model.notices.installation.signs import Sign, Subject, is_known, signs_of

PARTITIONS_NAMED = 8
_AT_ONCE = frozenset({"channel"})
"""Troubles of which a first sign is all that is needed: it says for how long already."""


class Finding(NamedTuple):
    """What is told of a subject: `about`, the partitions, executor or channel; `said`, a sentence more, or nothing."""

    about: str
    since: int
    said: str


class Findings(NamedTuple):
    """`told`: what is to be told. `lasting`: what is not over, or not known to be, of what was told before."""

    told: Mapping[Subject, Finding]
    lasting: frozenset[Subject]
    before: Look | None
    look: Look

    def is_over(self, subject: Subject) -> bool:
        return subject not in self.lasting and is_known(subject, self.before, self.look)


class Patience:
    """Looks, one after the other, and since when without a break they have had which sign.

    Whoever looks anew, or stood still for longer than `gap` s, begins anew: what was between two looks nobody knows.
    """

    def __init__(self, *, gap: float) -> None:
        self._gap = gap
        self._before: Look | None = None
        self._since: dict[tuple[Subject, int | None], tuple[float, int]] = {}

    def findings(self, look: Look, after: float) -> Findings:
        """`after`: seconds of a sign before it is told."""
        before = self._before
        if before is not None and look.at - before.at > self._gap:
            before, self._since = None, {}
        signs = list(signs_of(before, look))
        earlier, self._before = self._since, look
        self._since = {
            (one.subject, one.partition): earlier.get((one.subject, one.partition), (look.at, one.since))
            for one in signs
        }
        ripe: defaultdict[Subject, list[Sign]] = defaultdict(list)
        for one in signs:
            began, since = self._since[one.subject, one.partition]
            if one.subject.trouble in _AT_ONCE or look.at - began >= after:
                ripe[one.subject].append(one._replace(since=since))
        told = {subject: _finding(subject, found, len(look.partitions)) for subject, found in ripe.items()}
        return Findings(told, frozenset(one.subject for one in signs), before, look)


def _finding(subject: Subject, signs: Sequence[Sign], partitions: int) -> Finding:
    runs = sum(one.runs for one in signs)
    said = next((one.said for one in signs if one.said), "")
    if runs:
        said = "1 run waits for it" if runs == 1 else f"{runs} runs wait for it"
    about = subject.name or _named((one.partition for one in signs if one.partition is not None), partitions)
    return Finding(about=about, since=min(one.since for one in signs), said=said)


def _named(found: Iterable[int], partitions: int) -> str:
    """`partitions 1, 4`; nothing for all of them."""
    places = sorted(found)
    if not places or len(places) == partitions:
        return ""
    named = ", ".join(map(str, places[:PARTITIONS_NAMED]))
    more = f" and {len(places) - PARTITIONS_NAMED} more" if len(places) > PARTITIONS_NAMED else ""
    return f"partition{'s' if len(places) > 1 else ''} {named}{more}"
