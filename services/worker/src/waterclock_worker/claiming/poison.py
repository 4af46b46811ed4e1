"""At most one run in this process that was lost often: it may be what kills its workers, and others with them."""

from __future__ import annotations

from collections.abc import Iterable

from waterclock.log.commands.attempts import SUSPECT_FROM, Grant


class PoisonRuns:
    """The right to hold such a run: lent to one claim at a time, and kept until the end of what it granted is answered.

    Not only until that has ended: if the next one kills the process at once, an end that was not answered is lost too.
    """

    def __init__(self) -> None:
        self._lent_to: int | None = None  # a partition whose claim is under way
        self._last = -1  # the partition that had it last
        self._refused = False  # another partition has asked since
        self._held = 0

    def ask(self, partition: int) -> int:
        """How many a claim in this partition may ask for, 0 or 1. Partitions that ask for it get it in turn."""
        if self._held or self._lent_to is not None or (self._refused and partition == self._last):
            self._refused = self._refused or partition != self._last
            return 0
        self._lent_to = self._last = partition
        self._refused = False
        return 1

    def answered(self, partition: int, grants: Iterable[Grant]) -> None:
        """The claim is over; these were granted."""
        self._held += sum(map(is_poison, grants))
        if self._lent_to == partition:
            self._lent_to = None

    def ended(self, grant: Grant) -> bool:
        """The end of an attempt is answered; whether another suspect may be claimed now."""
        if not is_poison(grant):
            return False
        self._held -= 1
        return not self._held


def is_poison(grant: Grant) -> bool:
    return grant.losses >= SUSPECT_FROM
