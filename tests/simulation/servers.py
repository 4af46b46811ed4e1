"""Servers in memory that change places: killed, copied, put back, promoted beside one that lives on."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from copy import deepcopy
from typing import Any, cast

from redis.exceptions import ConnectionError as ConnectionLost

from tests.support.memory import connection as memory
from tests.support.memory.store import Store, Words
from tests.support.memory.values import EntryId, Stream, Value
from waterclock.log.client import Log, LogSettings
from waterclock.log.connection.addresses import Deployment, Target
from waterclock.log.connection.floors import Floors
from waterclock.log.reader import entry_of
from waterclock.log.topology.primaries import Nodes
from waterclock.model.events import LogForked
from waterclock.wire.envelope import Entry, prev_of, read_entry
from waterclock.wire.keys import Keys

Told = Callable[["Place", Words, Any], None]
"""Told of each script that was executed: where, its words, its reply."""
Wrote = Callable[["Place", int], None]
"""Told of each event that was written: where, and the latest epoch that the process which wrote it had seen opened."""


_EVENTS = Keys().partition(0, "events").encode()


class Place:
    """One server. Its process ends and begins anew; what it holds may be another's."""

    def __init__(self, name: str, now_us: Callable[[], int], told: Told, wrote: Wrote) -> None:
        self.name = name
        self.wrote = wrote
        self.is_up = True
        self.processes = 0
        self.store = Store(now_us)
        self._told = told
        self.store.watch(self._evaluate)
        self.restart()

    def restart(self, keys: dict[bytes, Value] | None = None) -> None:
        """A new process, with what the last one held, or with that of another, or of before."""
        self.processes += 1
        self.store.run_id = f"{self.name}{self.processes}".encode()
        if keys is not None:
            self.store.keys = deepcopy(keys)
        self.is_up = True

    def copy(self) -> dict[bytes, Value]:
        return deepcopy(self.store.keys)

    def meta(self, key: str) -> dict[bytes, bytes]:
        return self.store.value(key.encode(), dict) or {}

    def end(self) -> EntryId | None:
        """The last entry of its stream."""
        stream = self.store.value(_EVENTS, Stream)
        return None if stream is None else stream.last

    def has_dropped(self) -> bool:
        """Whether its last entry says that a repair has dropped some."""
        stream = self.store.value(_EVENTS, Stream)
        if stream is None or not stream.ids:
            return False
        event = read_entry(0, *entry_of(stream.entry(len(stream) - 1))).event
        return isinstance(event, LogForked) and event.dropped > 0

    def stands(self, entry: Entry) -> bool:
        """Whether its stream has the entry."""
        stream, name = self.store.value(_EVENTS, Stream), entry.position.entry.encode()
        found = [] if stream is None else stream.between(name, name)
        return any(prev_of(entry_of(row)[1]) == entry.prev for row in found)

    def _evaluate(self, words: Words) -> Any:
        reply = self.store.evaluate(words)
        self._told(self, words, reply)
        return reply


class Address:
    """Where connections lead; those that are open stay with the process that they reached, until they are cut."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.cuts = 0

    def lead_to(self, place: Place, *, cut: bool = True) -> None:
        self.place = place
        self.cuts += cut


class _Connection(memory.Connection):
    """To whatever the address leads to when it is made."""

    def __init__(
        self,
        *,
        address: Address,
        floors: list[Floors],
        redis_connect_func: Callable[[memory.Connection], Awaitable[None]],
        **_: Any,
    ) -> None:
        super().__init__(store=address.place.store, fault=self._carry, redis_connect_func=redis_connect_func)
        self._address, self._floors = address, floors
        self._place, self._process, self._cuts = address.place, b"", 0

    async def connect(self) -> None:
        self._place, self._cuts = self._address.place, self._address.cuts
        self._store, self._process = self._place.store, self._place.store.run_id
        self._check()
        await super().connect()

    async def _carry(self, execute: Callable[[], Any]) -> Any:
        self._check()
        floor, before = max((one.of(0) for one in self._floors), default=0), self._place.end()
        reply = execute()
        if self._place.end() != before:
            self._place.wrote(self._place, floor)
        await memory.asyncio.sleep(0.001)
        self._check()  # executed, and nobody hears it
        return reply

    def _check(self) -> None:
        is_cut = self._cuts != self._address.cuts
        if is_cut or not self._place.is_up or self._place.store.run_id != self._process:
            raise ConnectionLost("the connection is gone")


async def connected(address: Address, *, role: str) -> Log:
    """A process's log by an address; what it was told of the log it learns as soon as it is there."""
    settings = LogSettings(url="memory")
    floors: list[Floors] = []
    target = Target(cast("Any", _Connection), {"host": "memory", "port": 0, "address": address, "floors": floors})
    nodes = Nodes(Deployment(target, (target.address,)), timeout=5.0, control_timeout=2.0, name=role)
    log = Log(settings, nodes, role=role)
    floors.append(log.floors)
    log.server = await nodes.greet()
    return log
