"""What a connection is asked about a partition before it is used for it: whose that is, and in which epoch.

Asked on each connection until the partition is found open, and again after each halt of it: one more command then.
"""

from __future__ import annotations

from typing import Literal, cast

import msgspec
from redis.exceptions import ResponseError

from waterclock.log.connection.calls import route, send
from waterclock.log.connection.connections import Line, facts, pack, pack_word
from waterclock.log.connection.errors import Foreign, NotPrimary, Superseded
from waterclock.log.connection.floors import Floors
from waterclock.log.connection.scripts import Script
from waterclock.log.connection.transient import NOT_INITIALISED, code_of
from waterclock.wire.keys import Keys


class Told(msgspec.Struct, frozen=True):
    status: Literal["done", "other"]


class Supersede(msgspec.Struct, frozen=True, kw_only=True):
    """That `floor` was opened elsewhere, for a partition that was met so; `run_id` None: whoever it is open for."""

    identity: str
    epoch: int
    floor: int
    run_id: str | None = None


SUPERSEDE = Script("supersede", Told)
WHO = pack("INFO", "server", "replication")
"""The command whose answer `check_primary` takes."""

_encoder = msgspec.msgpack.Encoder()


def check_primary(line: Line, info: bytes) -> None:
    """
    Raises:
        NotPrimary: the server has become a replica, or it is not the one that the connection reached.
    """
    said = facts(info)
    if said.get("role") == "slave":
        raise NotPrimary(f"{line.address} has become a replica.")
    if said.get("run_id") != line.server.run_id:
        raise NotPrimary(f"{line.address} leads to several servers.")


class Handshake:
    """One process's, for one log.

    `identity` is that of our installation; empty: it is not known to have one. `only_reads`: it halts no partition.
    """

    def __init__(self, keys: Keys, *, only_reads: bool = False) -> None:
        self.identity = ""
        self._only_reads = only_reads
        self.floors = Floors()
        self.restored = 0
        self._keys = keys
        self._places: dict[str, int | None] = {}

    def join(self, other: Handshake) -> None:
        """Know from now on what another of this process knows of the same log."""
        self.floors, self.identity = other.floors, other.identity

    def named(self, run_id: str) -> str:
        """A server process as the gate names it. Whoever knows of another number of partitions names another."""
        return f"{run_id}/{self.restored}" if self.restored else run_id

    async def meet(self, line: Line, key: str) -> None:
        """
        Raises:
            Foreign: the partition of the key is another installation's.
        """
        place = self._place(key)
        if place is not None and line.met.get(place) != self.floors.halts(place):
            await self.look(line, place)

    async def look(self, line: Line, place: int) -> None:
        """Look, whether it was looked at or not. One that is behind our floor is told: who is connected may know less.

        Raises:
            Foreign: it is another installation's.
            Superseded: it is behind our floor, and we only read.
        """
        halts, meta = self.floors.halts(place), self._keys.meta(place)
        if await self.hear(line, meta, cast("list[bytes | None]", await line.ask(self.question(meta)))):
            line.met[place] = halts

    def question(self, meta: str) -> bytes:
        """The command that asks it."""
        return pack("HMGET", meta, "identity", "run_id", "epoch")

    async def hear(self, line: Line, meta: str, found: list[bytes | None], *, leave: bool = False) -> bool:
        """Take the answer: whether the partition is open on that server process. `leave`: only if it is not behind.

        Raises:
            Foreign: it is another installation's.
            Superseded: it is behind our floor, and that connection is to be left, or we only read.
        """
        place = self._place(meta)
        assert place is not None, meta
        identity, epoch, server = (found[0] or b"").decode(), int(found[2] or 0), self.named(line.server.run_id)
        if identity and self.identity and identity != self.identity:
            raise Foreign(
                f"The event log {self._keys.prefix} there belongs to installation {identity}, and ours is "
                f"{self.identity}: nothing is read or written."
            )
        is_open = found[1] == server.encode()
        if is_open:
            self.floors.seen(place, epoch)
        if 0 < epoch < self.floors.of(place):
            told = Supersede(identity=identity, epoch=epoch, floor=self.floors.of(place))
            if not self._only_reads and not await self._superseded(line, meta, place, told):
                return False
            if leave or self._only_reads:
                raise Superseded(f"{line.address} was superseded: another server replaced it.")
        return is_open

    async def _superseded(self, line: Line, meta: str, place: int, told: Supersede) -> bool:
        """Tell a partition that a later epoch was opened elsewhere; False: it was emptied since it was asked."""
        blob, way = pack_word(_encoder.encode(told)), route(SUPERSEDE.source, [meta])
        server = self.named(line.server.run_id)
        try:
            await send(line, SUPERSEDE, way, server=server, blob=blob, floor=self.floors.word(place))
        except ResponseError as error:
            if code_of(error) != NOT_INITIALISED:
                raise
            return False
        return True

    def _place(self, key: str) -> int | None:
        tag = key[: key.find("}") + 1]
        if tag not in self._places:
            self._places[tag] = self._keys.place_of(tag)
        return self._places[tag]
