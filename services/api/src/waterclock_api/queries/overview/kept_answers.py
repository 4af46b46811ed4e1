"""Answers that were computed, for as long as they hold: until something was projected, or a moment has come."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any, NamedTuple

from waterclock.store.connection.statements import statement
from waterclock.store.retention import forgotten
from waterclock_api.queries.read_models import PACKAGE
from waterclock_api.queries.sources import Reading, Sources

BYTES_MOST = 16 << 20
OLDEST_S = 60.0
"""However little happens: what an operator does to the read models by hand moves no position."""

State = tuple[Any, ...]


class Kept(NamedTuple):
    state: State
    holds_until: int | None  # ms, by the clock of the log
    made_at: float
    tag: str
    body: bytes


class KeptAnswers:
    """The latest of them, by what was asked."""

    def __init__(self) -> None:
        self._kept: OrderedDict[object, Kept] = OrderedDict()
        self._size = 0

    def find(self, asked: object, state: State, *, now_ms: int, now_s: float) -> Kept | None:
        """What was answered to the same, if it is the answer still."""
        kept = self._kept.get(asked)
        if kept is None or kept.state != state or now_s - kept.made_at > OLDEST_S:
            return None
        if kept.holds_until is not None and now_ms >= kept.holds_until:
            return None
        self._kept.move_to_end(asked)
        return kept

    def keep(self, asked: object, kept: Kept) -> None:
        if (before := self._kept.pop(asked, None)) is not None:
            self._size -= len(before.body)
        self._kept[asked] = kept
        self._size += len(kept.body)
        while self._size > BYTES_MOST:
            _, oldest = self._kept.popitem(last=False)
            self._size -= len(oldest.body)


async def state_of(sources: Sources, of: Reading, partitions: Sequence[int]) -> State:
    """What read models of some partitions are made of: how far each is projected, and what was forgotten."""
    async with sources.reading(of) as connection:
        cursor = await connection.execute(statement("reached", PACKAGE), {"partitions": list(partitions)})
        rows = await cursor.fetchall()
        return (*rows, *sorted((await forgotten(connection)).items()))
