"""What is wrong with the installation, by one look at it and the one before: a table, of no patience at all.

halted        the log gives no answer, or takes no writes           then nothing else is known of the partition
noLeader      the last leader's term is over                        then it says nothing of `overdue`
overdue       an instant is due, and its leader has not decided it
notProjected  events are there, and the projection has not moved; or Postgres gives no answer
undecided     a deadline is due, and no reading judges it           said only where the projection moves
noExecutor    runs lie aside for an executor that no live session has
channel       a channel delivers nothing
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, NamedTuple

from waterclock.model.notices.installation.looks import Look, PartitionLook

Trouble = Literal["noLeader", "overdue", "halted", "notProjected", "noExecutor", "hole", "undecided", "channel"]
"""What a `clock` notice tells of: an installation's own trouble."""

OVERDUE_MS = 2_500
"""An instant is decided within milliseconds; the word of a leader is up to a third of its term old."""
UNDECIDED_MS = 2_000


class Subject(NamedTuple):
    """What is told of as one: a trouble, or that of one executor or channel."""

    trouble: Trouble
    name: str = ""

    def __str__(self) -> str:
        return f"{self.trouble} {self.name}".rstrip()


class Sign(NamedTuple):
    """`partition`: None, where it is of no partition. `since`: ms, when it began, as far as that is known.

    `said`: by what does not answer, or does not work. `runs`: that wait for it.
    """

    subject: Subject
    partition: int | None
    since: int
    said: str = ""
    runs: int = 0


def signs_of(before: Look | None, look: Look) -> Iterator[Sign]:
    """What is wrong now. What takes two looks to be seen is not seen at the first."""
    if look.store_silent is not None:
        yield Sign(Subject("notProjected"), None, look.clock, look.store_silent)
    earlier = {one.partition: one for one in (() if before is None else before.partitions)}
    for one in look.partitions:
        if one.silent is not None:
            yield Sign(Subject("halted"), one.partition, look.clock, one.silent)
        else:
            yield from _of_schedules(one)
            yield from _of_executors(one)
            if look.store_silent is None and (before is None or before.store_silent is None):
                yield from _of_readers(earlier.get(one.partition), one)
    for channel, said in (look.dead or {}).items():
        yield Sign(Subject("channel", channel), None, look.clock, said)


def is_known(subject: Subject, before: Look | None, look: Look) -> bool:
    """Whether a look that has no sign of it says that it is over: that it would have been seen."""
    match subject.trouble:
        case "channel":
            return look.dead is not None
        case "halted":
            return True
        case "notProjected":  # which takes two looks to be seen
            return before is not None and all(map(_answered_whole, (before, look)))
        case "undecided":
            return _answered_whole(look)
        case "noExecutor":
            return all(one.lacked is not None for one in look.partitions)
        case "overdue":
            return _answered(look) and all(one.led_until > one.now for one in look.partitions)
        case _:
            return _answered(look)


def _answered_whole(look: Look) -> bool:
    return look.store_silent is None and _answered(look)


def _answered(look: Look) -> bool:
    return all(one.silent is None for one in look.partitions)


def _of_schedules(one: PartitionLook) -> Iterator[Sign]:
    if one.led_until <= one.now:
        yield Sign(Subject("noLeader"), one.partition, one.led_until or one.now)
    elif one.next_at and one.now - one.next_at > OVERDUE_MS:
        yield Sign(Subject("overdue"), one.partition, one.next_at)


def _of_executors(one: PartitionLook) -> Iterator[Sign]:
    for executor, runs in (one.lacked or {}).items():
        yield Sign(Subject("noExecutor", executor), one.partition, one.now, runs=runs)


def _of_readers(before: PartitionLook | None, one: PartitionLook) -> Iterator[Sign]:
    """Where nothing is projected, nothing can be judged: that is told once."""
    if before is not None and _stands(before, one):
        yield Sign(Subject("notProjected"), one.partition, before.now or one.now)
    elif one.due is not None and one.now - one.due > UNDECIDED_MS:
        yield Sign(Subject("undecided"), one.partition, one.due)


def _stands(before: PartitionLook, one: PartitionLook) -> bool:
    """Whether it has not moved though there was something to project, or was ahead of the log and is so still."""
    if before.silent is not None or one.projected != before.projected or before.last is None or one.last is None:
        return False
    return one.projected is None or one.projected < before.last or one.projected > one.last
