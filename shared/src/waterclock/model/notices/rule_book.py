"""Rules in use: which of them are about a job."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from waterclock.model.ids import JobId
from waterclock.model.notices.facts import Binding, Break
from waterclock.model.notices.kinds import Kind
from waterclock.model.notices.rules import Match, NoticeRules, Rule
from waterclock.model.positions import Position

KEPT_MOST = 200_000
"""Definitions of which is remembered which rules they match."""

ByKind = Mapping[Kind, tuple[Rule, ...]]

PROMISED = Rule(name="", on=("late", "missing", "tooLong", "silent"), channels=())
"""Is about each job that promises something, whatever the file says, and nobody is told of it: by its breaks is known
what is broken now. No rule of a file has this name."""


class RuleBook:
    """The rules of a file. `breakers`: the actors by whose disabling the breaker is known."""

    def __init__(self, rules: NoticeRules, *, breakers: Iterable[str] = ()) -> None:
        self.rules = {rule.name: rule for rule in rules.rules}
        self.breakers = frozenset(breakers)
        self._kept: dict[tuple[JobId, Position], ByKind] = {}

    def about(self, binding: Binding) -> ByKind:
        """The rules that are about such a job, by what they tell of."""
        if binding.job_id is None or binding.defined is None:
            return self._matching(binding)
        key = binding.job_id, binding.defined
        found = self._kept.get(key)
        if found is None:
            if len(self._kept) >= KEPT_MOST:
                self._kept.clear()
            found = self._kept[key] = self._matching(binding)
        return found

    def about_skips(self, binding: Binding) -> list[tuple[Rule, Kind]]:
        """The rules that are told of a skip, and as what: as missing, where the job has a promise and the rule asks."""
        found = self.about(binding)
        missing = found.get("missing", ()) if binding.promise is not None else ()
        skipped = [rule for rule in found.get("skipped", ()) if rule not in missing]
        return [*((rule, "missing") for rule in missing), *((rule, "skipped") for rule in skipped)]

    def about_installation(self) -> list[Rule]:
        """The rules that tell of the installation itself: whatever jobs they are about."""
        return [rule for rule in self.rules.values() if "clock" in rule.on]

    def keeps(self, one: Break, binding: Binding | None = None) -> bool:
        """Whether a break is one of these rules; `binding`: and of what they say of such a job."""
        rule = PROMISED if one.rule == PROMISED.name else self.rules.get(one.rule)
        if rule is None or one.kind not in rule.on:
            return False
        return binding is None or rule in self.about(binding).get(one.kind, ())

    def disables(self, actor: str | None) -> bool:
        """Whether an actor is the breaker; what follows the last @ is no part of its name."""
        return actor is not None and not self.breakers.isdisjoint((actor, actor.rpartition("@")[0]))

    def _matching(self, binding: Binding) -> ByKind:
        found: dict[Kind, tuple[Rule, ...]] = {}
        promised = () if binding.promise is None else (PROMISED,)
        for rule in (*promised, *self.rules.values()):
            if _matches(rule.match, binding):
                for kind in rule.on:
                    found[kind] = (*found.get(kind, ()), rule)
        return found


def _matches(match: Match, binding: Binding) -> bool:
    return (
        (match.group is None or match.group == binding.group)
        and (match.job is None or match.job == binding.name)
        and (match.queue is None or match.queue == binding.queue)
        and all(binding.labels.get(name) == value for name, value in match.labels.items())
    )
