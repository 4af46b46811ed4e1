"""Command ids: a call that is repeated is answered again, not done again."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from waterclock.model.positions import Position, at_entry


class Command(msgspec.Struct, frozen=True, kw_only=True):
    """An id with a fingerprint of what it asked for. Those of clients are kept a day, our own ten minutes."""

    id: str
    fingerprint: str = ""
    client: bool = False  # an Idempotency-Key


class Answer(NamedTuple):
    """What the first call did."""

    position: Position | None
    run_id: str | None
    version: int  # of the job after it; 0: it changed none
    burnt: bool  # nothing, and it never will


class Replayed(NamedTuple):
    """The command was executed before."""

    answer: Answer


class KeyReused(NamedTuple):
    """The command's id was used for something else."""


class AnswerGiven(msgspec.Struct, frozen=True, kw_only=True):
    """An answer as scripts keep it."""

    entry: str = ""
    run_id: str | None = None
    version: int = 0
    burnt: bool = False

    def at(self, partition: int) -> Answer:
        position = at_entry(partition, self.entry) if self.entry else None
        return Answer(position, self.run_id, self.version, self.burnt)
