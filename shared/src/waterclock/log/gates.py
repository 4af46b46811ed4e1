"""Whether a partition may be written to: whether it is open on the server process that holds it; and closing one."""

from __future__ import annotations

import logging
from typing import NamedTuple, cast

from waterclock.log.client import Log
from waterclock.log.connection.connections import Line, pack
from waterclock.log.connection.floors import NAMES
from waterclock.log.connection.handshake import SUPERSEDE, WHO, Supersede, check_primary

_log = logging.getLogger(__name__)


class Gate(NamedTuple):
    prepared: bool  # else there is nothing: the server was never initialised, or has lost everything
    opened: bool
    epoch: int
    run_id: str  # of the process that holds the partition now
    floor: int = 0  # an epoch that was opened elsewhere, as somebody has said here
    identity: str = ""  # of the installation; empty: none is written there
    opened_on: str = ""  # the process that the partition names

    @property
    def latest(self) -> int:
        """The highest epoch that is known here."""
        return max(self.epoch, self.floor)


async def gate_of(log: Log, place: int) -> Gate:
    """The gate of a partition (`NAMES`: of the names); works while it is closed.

    Raises:
        NotPrimary: a replica holds it, which tells what its primary said once.
    """
    key = log.keys.meta(place)

    async def look(line: Line) -> Gate:
        await log.handshake.meet(line, key)
        return await _seen(log, line, key)

    return await log.ask(key, look)


async def gate_of_names(log: Log) -> Gate:
    return await gate_of(log, NAMES)


async def look_anew(log: Log, place: int) -> Gate:
    """The same on a connection made for this, to whoever is the one to ask by now.

    Raises:
        NotPrimary: that is a replica.
    """
    key = log.keys.meta(place)
    await log.nodes.look_again()
    line = log.nodes.reader_line(key, name=f"{log.keys.prefix}-look")
    try:
        await line.open()
        await log.handshake.meet(line, key)
        return await _seen(log, line, key)
    finally:
        await line.drop()


async def supersede(log: Log, place: int, gate: Gate, *, floor: int) -> bool:
    """Close a partition that is open as it was seen: `floor` was opened elsewhere. False: it is not as it was seen."""
    told = Supersede(identity=gate.identity, epoch=gate.epoch, floor=floor, run_id=gate.opened_on)
    reply = await (log.call_names(SUPERSEDE, told) if place == NAMES else log.call(SUPERSEDE, place, told))
    if reply.status != "done":
        return False
    extra = {"partition": place, "epoch": gate.epoch, "known": floor, "server": gate.run_id}
    _log.error("earlier epoch accepted writes: halted", extra=extra)
    return True


async def _seen(log: Log, line: Line, key: str) -> Gate:
    """At one moment: who is asked, and what it holds."""
    fields = pack("HMGET", key, "run_id", "epoch", "floor", "identity")
    told, found = await line.ask_all(WHO, fields)
    check_primary(line, line.checked(told, WHO))
    named, epoch, floor, identity = cast("list[bytes | None]", line.checked(found, fields))
    run_id = log.handshake.named(line.server.run_id)
    return Gate(
        prepared=epoch is not None,
        opened=named == run_id.encode(),
        epoch=int(epoch or 0),
        run_id=run_id,
        floor=int(floor or 0),
        identity=(identity or b"").decode(),
        opened_on=(named or b"").decode(),
    )
