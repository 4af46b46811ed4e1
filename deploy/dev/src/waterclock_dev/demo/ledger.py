"""The demo's proof: every instant of its job, and the one decision that each has."""

from collections.abc import Iterator, Sequence
from typing import Any, Literal

import msgspec

from waterclock.model.cron import Schedule
from waterclock.model.instants import Stamp, millis, stamp

DECISIONS = frozenset({"run.requested", "fire.skipped", "fire.coalesced"})
Fate = Literal["fired", "skipped", "coalesced"]


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """What became of an instant."""

    instant: Stamp
    fate: Fate
    run_id: str | None  # its run; of a skipped instant the run that blocked it, if one did


class Ledger(msgspec.Struct, frozen=True, kw_only=True):
    """`faults` is empty when each instant has one decision, and the intervals of the decisions join."""

    entries: tuple[Entry, ...]
    faults: tuple[str, ...]


def is_decision(document: dict[str, Any]) -> bool:
    """Whether an event of a job decides instants: runs that were triggered by hand answer none."""
    return document.get("type") in DECISIONS and document.get("through") is not None


def account(schedule: Schedule, decisions: Sequence[dict[str, Any]]) -> Ledger:
    """Hold a job's decisions, documents in the order of their positions, against the instants its schedule names."""
    entries: list[Entry] = []
    faults: list[str] = []
    reached: Stamp | None = None
    for decision in decisions:
        after, through = Stamp(decision["after"]), Stamp(decision["through"])
        if reached is not None and after != reached:
            faults.append(f"{decision['id']} begins at {after}, but what came before it ends at {reached}")
        reached = through
        named = tuple(_instants(schedule, after, through))
        claimed = decision["nominalAt"] if decision["type"] == "run.requested" else decision["last"]
        if len(named) != decision.get("count", 1) or claimed not in named[-1:]:
            faults.append(f"{decision['id']} decides other instants than {', '.join(named) or 'none'}")
        entries += [_entry(instant, decision) for instant in named]
    return Ledger(entries=tuple(entries), faults=tuple(faults))


def _instants(schedule: Schedule, after: Stamp, through: Stamp) -> Iterator[Stamp]:
    last, instant = millis(through), schedule.after(millis(after))
    while instant is not None and instant <= last:
        yield stamp(instant)
        instant = schedule.after(instant)


def _entry(instant: Stamp, decision: dict[str, Any]) -> Entry:
    match decision["type"]:
        case "run.requested":
            return Entry(instant=instant, fate="fired", run_id=decision["runId"])
        case "fire.skipped":
            return Entry(instant=instant, fate="skipped", run_id=decision.get("blockedBy"))
        case _:
            return Entry(instant=instant, fate="coalesced", run_id=decision.get("into"))
