"""Whether all is well, so that another system may be told so: the heartbeat. It ends where this is not known."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from waterclock.model.notices.installation.looks import Look, PartitionLook


class Behind(NamedTuple):
    """How far what is judged is behind the log: so many events, the oldest for so many seconds; or ahead of it."""

    events: int = 0
    seconds: float = 0.0
    is_ahead: bool = False


def unwell(look: Look, behind: Mapping[int, Behind], untried: int, *, most: float) -> str | None:
    """What is not well, in words; None: all is. `behind`: of each partition. `untried`: messages that nobody sends.

    `most`: seconds that something may be behind.
    """
    if look.store_silent is not None:
        return f"Postgres does not answer: {look.store_silent}"
    for one in look.partitions:
        found = _of_log(one, round(most * 1000)) or _of_judging(one, behind.get(one.partition), most)
        if found is not None:
            return f"partition {one.partition}: {found}"
    return f"{untried} messages are due and not sent" if untried else None


def _of_log(one: PartitionLook, most: int) -> str | None:
    if one.silent is not None:
        return one.silent
    if one.led_until + most < one.now:
        return "no scheduler leads it"
    if one.next_at and one.now - one.next_at > most:
        return f"a scheduled time has been due for {_seconds(one.now - one.next_at)} and is not decided"
    if one.due is not None and one.now - one.due > most:
        return f"a promise has been due for {_seconds(one.now - one.due)} and is not judged"
    return None


def _of_judging(one: PartitionLook, behind: Behind | None, most: float) -> str | None:
    if behind is None or one.judged is None:
        return "it is not judged"
    if behind.is_ahead:
        return "what is archived is ahead of the event log"
    if behind.seconds > most:
        return f"{behind.events} events are not judged, the oldest for {behind.seconds:.0f} s"
    return None


def _seconds(ms: int) -> str:
    return f"{ms / 1000:.0f} s"
