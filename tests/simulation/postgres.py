"""What an opening asks of Postgres, in memory: the archive, positions, epochs, notes of who reaches what.

Each statement is answered by its name, so that the code that opens and repairs is the one that is shipped.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from typing import Any, cast

import msgspec

from waterclock.model.events import EpochBegan, LogForked
from waterclock.model.ids import RunId
from waterclock.model.positions import Position
from waterclock.model.readmodels import repair
from waterclock.store.connection.pool import Connection
from waterclock.store.connection.statements import statement
from waterclock.wire.envelope import Entry, UnknownEvent, request_body

Row = tuple[Any, ...]


class State(msgspec.Struct, kw_only=True):
    """What a copy of the database holds; one partition."""

    entries: list[Entry] = []
    opening: int = 0
    opened: int = 0
    names_opening: int = 0
    names_opened: int = 0
    dropped: dict[int, list[Entry]] = {}  # by the epoch of the fork


def _copied(state: State) -> State:
    kept = {fork: list(entries) for fork, entries in state.dropped.items()}
    return msgspec.structs.replace(state, entries=list(state.entries), dropped=kept)


class Cursor:
    def __init__(self, rows: Sequence[Row]) -> None:
        self._rows = rows
        self.rowcount = len(rows)

    async def fetchone(self) -> Row | None:
        return self._rows[0] if self._rows else None

    async def fetchall(self) -> Sequence[Row]:
        return self._rows


class Postgres:
    """`now`: its clock, s."""

    def __init__(self, now: Callable[[], float], *, identity: str, prefix: str) -> None:
        self.state = State()
        self.kept: list[Entry] = []  # all that repairs ever did
        self._now = now
        self._installation = (identity, prefix)
        self._reached: dict[tuple[int, str], tuple[int, float]] = {}
        known = {name.removeprefix("_on_"): getattr(self, name) for name in dir(type(self)) if name.startswith("_on_")}
        self._handlers: dict[bytes, Callable[[Mapping[str, Any]], Sequence[Row]]] = {
            statement(name): handler for name, handler in known.items()
        }

    def connection(self) -> Connection:
        return cast("Connection", self)

    def transaction(self) -> AbstractAsyncContextManager[None]:
        return nullcontext()

    async def execute(self, text: bytes, given: Mapping[str, Any] | None = None) -> Cursor:
        return Cursor(self._handlers[text](given or {}))

    def copy(self) -> State:
        return _copied(self.state)

    def put_back(self, state: State) -> None:
        self.state = _copied(state)
        self.kept.clear()
        self._reached.clear()

    @property
    def position(self) -> Position | None:
        return self.state.entries[-1].position if self.state.entries else None

    def archive(self, after: Position | None, entries: Sequence[Entry]) -> bool:
        """As a projector writes: only where its position is still what it saw."""
        if self.position != after:
            return False
        self.state.entries += entries
        return True

    def counted(self) -> list[Entry]:
        """What repairs have dropped, of those that count."""
        openings = self._openings()
        return [entry for fork, entries in self.state.dropped.items() if fork in openings for entry in entries]

    async def keep(self, _: Connection, fork: int, entries: Sequence[Entry]) -> None:
        """In the place of `store.dropped.keep`."""
        self.state.dropped.setdefault(fork, []).extend(entries)
        self.kept += entries

    @asynccontextmanager
    async def known(self, *_: Any, **__: Any) -> AsyncGenerator[Known]:
        """In the place of `store.standing.known`."""
        yield Known(list(self.state.entries))

    def _on_partitionings(self, _: Mapping[str, Any]) -> Sequence[Row]:
        return []

    def _on_partitions(self, _: Mapping[str, Any]) -> Sequence[Row]:
        return [(0, *self._place())]

    def _on_add_partition(self, _: Mapping[str, Any]) -> Sequence[Row]:
        return []

    def _on_installation(self, _: Mapping[str, Any]) -> Sequence[Row]:
        return [self._installation]

    def _on_position(self, _: Mapping[str, Any]) -> Sequence[Row]:
        return [self._place()]

    def _on_known_entries(self, given: Mapping[str, Any]) -> Sequence[Row]:
        wanted = set(zip(given["epochs"], given["seqs"], strict=True))
        return [(*one.position[1:], one.prev, one.at) for one in self.state.entries if one.position[1:] in wanted]

    def _on_count_after(self, given: Mapping[str, Any]) -> Sequence[Row]:
        place = (given["epoch"], given["seq"])
        return [(sum(one.position[1:] > place for one in self.state.entries),)]

    def _on_opened_epochs(self, _: Mapping[str, Any]) -> Sequence[Row]:
        return [(0, max(self._place()[0], self.state.opened)), (-1, self.state.names_opened)]

    def _on_reserve_epoch(self, given: Mapping[str, Any]) -> Sequence[Row]:
        if self._place() != (given["epoch"], given["seq"]):
            return []
        self.state.opening = max(self.state.opening, self._place()[0], self.state.opened, given["above"]) + 1
        return [(self.state.opening,)]

    def _on_is_reserved(self, given: Mapping[str, Any]) -> Sequence[Row]:
        holds = self._place() == (given["epoch"], given["seq"]) and self.state.opening == given["opening"]
        return [()] if holds else []

    def _on_latest_epoch(self, _: Mapping[str, Any]) -> Sequence[Row]:
        return [(max(self.state.opening, self._place()[0], self.state.opened),)]

    def _on_note_opened(self, given: Mapping[str, Any]) -> Sequence[Row]:
        self.state.opened = max(self.state.opened, given["epoch"])
        return []

    def _on_reserve_names(self, given: Mapping[str, Any]) -> Sequence[Row]:
        self.state.names_opening = max(self.state.names_opening, self.state.names_opened, given["above"]) + 1
        return [(self.state.names_opening,)]

    def _on_names_are_reserved(self, given: Mapping[str, Any]) -> Sequence[Row]:
        return [()] if self.state.names_opening == given["opening"] else []

    def _on_note_names_opened(self, given: Mapping[str, Any]) -> Sequence[Row]:
        self.state.names_opened = max(self.state.names_opened, given["epoch"])
        return []

    def _on_note_reached(self, given: Mapping[str, Any]) -> Sequence[Row]:
        for place, server, epoch in zip(given["places"], given["servers"], given["epochs"], strict=True):
            before = self._reached.get((place, server), (0, 0.0))[0]
            self._reached[place, server] = (max(before, epoch), self._now())
        return []

    def _on_reached_elsewhere(self, given: Mapping[str, Any]) -> Sequence[Row]:
        return [
            (server, epoch)
            for (place, server), (epoch, at) in self._reached.items()
            if place == given["place"] and server != given["server"] and epoch > given["epoch"]
            if at > self._now() - given["within"]
        ]

    def _on_open_forks(self, _: Mapping[str, Any]) -> Sequence[Row]:
        return [(fork,) for fork, kept in self.state.dropped.items() if kept and fork not in self._openings()]

    def _on_kept_range(self, given: Mapping[str, Any]) -> Sequence[Row]:
        places = [list(one.position[1:]) for fork in given["forks"] for one in self.state.dropped.get(fork, ())]
        return [(len(places), min(places, default=None), max(places, default=None))]

    def _on_forget_present(self, given: Mapping[str, Any]) -> Sequence[Row]:
        present = set(zip(given["epochs"], given["seqs"], given["prevs"], strict=True))
        self._forget(given["forks"], lambda _, one: (*one.position[1:], one.prev) in present)
        return []

    def _on_forget_known(self, given: Mapping[str, Any]) -> Sequence[Row]:
        known = {(one.position, one.prev, one.at) for one in self.state.entries}
        later = {one.position: fork for fork, kept in sorted(self.state.dropped.items()) for one in kept}
        self._forget(
            given["forks"],
            lambda fork, one: (one.position, one.prev, one.at) in known or later[one.position] > fork,
        )
        return []

    def _on_carry_dropped(self, given: Mapping[str, Any]) -> Sequence[Row]:
        for fork in given["forks"]:
            if fork < given["fork"]:
                self.state.dropped.setdefault(given["fork"], []).extend(self.state.dropped.pop(fork, ()))
        return []

    def _on_clear_within_dropped(self, _: Mapping[str, Any]) -> Sequence[Row]:
        return []

    def _openings(self) -> set[int]:
        """Epochs whose openings are archived."""
        return {one.position.epoch for one in self.state.entries if isinstance(one.event, LogForked | EpochBegan)}

    def _forget(self, forks: Sequence[int], is_void: Callable[[int, Entry], bool]) -> None:
        for fork in forks:
            self.state.dropped[fork] = [one for one in self.state.dropped.get(fork, ()) if not is_void(fork, one)]

    def _place(self) -> tuple[int, int]:
        place = self.position
        return (place.epoch, place.seq) if place is not None else (0, 0)


class Known:
    """What an archive of runs without jobs knows."""

    def __init__(self, entries: Sequence[Entry]) -> None:
        self._entries = entries

    async def position(self) -> Position | None:
        return self._entries[-1].position if self._entries else None

    async def jobs(self) -> AsyncGenerator[list[Any]]:
        for each in ():
            yield each

    async def runs(self) -> AsyncGenerator[list[tuple[repair.Unfinished, bytes]]]:
        runs: dict[RunId, repair.Unfinished | None] = {}
        bodies: dict[RunId, tuple[int, bytes]] = {}
        for entry in self._entries:
            event, run_id = entry.event, getattr(entry.event, "run_id", None)
            if isinstance(event, UnknownEvent) or run_id is None:
                continue
            bodies.setdefault(run_id, (entry.at, request_body(entry.document)))
            runs[run_id] = repair.evolve(runs.get(run_id), entry.position, event, at=bodies[run_id][0])
        yield [(run, bodies[run_id][1]) for run_id, run in runs.items() if run is not None]

    async def recent(self) -> AsyncGenerator[tuple[list[repair.Ended], list[repair.Answered]]]:
        events = [(one.position, one.event) for one in self._entries if not isinstance(one.event, UnknownEvent)]
        yield (
            [one for place, event in events if (one := repair.ended(place, event))],
            [one for place, event in events if (one := repair.answered(place, event))],
        )

    async def paused(self) -> dict[str, Position]:
        return {}
