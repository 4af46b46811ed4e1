"""What the policies say about the instants of a job, told again one by one: what the oracle goes by.

Nothing here is taken from the code that decides (`model.misfire`): the rules are as the documentation gives them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

from waterclock.model.definition import Definition

Fate = Literal["fired", "caughtUp", "folded", "misfire", "window", "overflow", "edited", "disabled", "deleted"]


class Owed(NamedTuple):
    instant: int  # ms
    fate: Fate
    ready_at: int  # ms, without jitter; of what fires


def decided(definition: Definition, instants: Sequence[int], now: int) -> list[Owed]:
    """What a scheduler makes of instants at `now`, oldest first."""
    threshold = definition.misfire_threshold * 1000
    late = [instant for instant in instants if now - instant >= threshold]
    fresh = [Owed(instant, "fired", instant) for instant in instants if now - instant < threshold]
    return [*_late(definition, late, now), *fresh]


def _late(definition: Definition, late: list[int], now: int) -> list[Owed]:
    match definition.misfire_policy:
        case "3":
            return [Owed(instant, "misfire", 0) for instant in late]
        case "2":
            folded = [Owed(instant, "folded", 0) for instant in late[:-1]]
            return [*folded, *(Owed(instant, "caughtUp", now) for instant in late[-1:])]
        case "1":
            recent = [instant for instant in late if now - instant <= definition.catchup_window * 1000]
            kept = recent[max(0, len(recent) - definition.catchup_limit) :]
            cut: Fate = "overflow" if len(kept) < len(recent) else "window"
            skipped = [Owed(instant, cut, 0) for instant in late[: len(late) - len(kept)]]
            pace = definition.catchup_pace * 1000
            return skipped + [Owed(one, "caughtUp", now + int(place * pace)) for place, one in enumerate(kept)]


def settled(
    definition: Definition, instants: Sequence[int], now: int, reason: Literal["edited", "disabled", "deleted"]
) -> list[Owed]:
    """What a change of the job makes of what it still owes."""
    threshold = definition.misfire_threshold * 1000
    return [
        Owed(instant, "fired", instant)
        if reason == "edited" and now - instant < threshold
        else Owed(instant, reason, 0)
        for instant in instants
    ]
