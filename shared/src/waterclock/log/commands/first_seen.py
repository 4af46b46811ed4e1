"""When a client's command first came: for commands that are executed in many calls, about what was so then."""

from __future__ import annotations

from typing import Literal, NamedTuple

import msgspec

from waterclock.log.client import Log
from waterclock.log.commands.idempotency import Command, KeyReused
from waterclock.log.connection.scripts import Script


class Noted(NamedTuple):
    at: int  # ms, by the partition's clock
    again: bool  # it has come before


class _Reply(msgspec.Struct, frozen=True, kw_only=True):
    status: Literal["done", "reused"]
    at: int = 0
    again: bool = False


_NOTE = Script("note_command", _Reply)
_RELIEVE = Script("note_command", _Reply, relieving=True)


async def first_heard(log: Log, command: Command, *, partition: int = 0, relieving: bool = False) -> Noted | KeyReused:
    """When the command came first; now, for a new one. No event says so: a log that was lost has forgotten it.

    `relieving`: what it asks for frees memory, so that it is noted at the memory limit, too.
    """
    reply = await log.call(_RELIEVE if relieving else _NOTE, partition, {"command": command})
    return KeyReused() if reply.status == "reused" else Noted(reply.at, reply.again)
