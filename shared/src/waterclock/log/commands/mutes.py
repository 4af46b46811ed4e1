"""Mutes: append that notices are not sent for a while, or are again.

The log holds no state of them: those who send look into the read models, which hold a mute from the moment that it is
archived.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from waterclock.log.client import Log
from waterclock.log.commands.bodies import Body, body_of
from waterclock.log.commands.idempotency import AnswerGiven, Command, KeyReused, Replayed
from waterclock.log.commands.requests import NoJob
from waterclock.log.connection.scripts import Script, always
from waterclock.model.events import NoticesMuted, NoticesUnmuted
from waterclock.model.ids import JobId, partition_of_mute
from waterclock.model.positions import Position, at_entry


class _Mute(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    command: Command
    job: JobId | None = None
    body: Body


class _Reply(msgspec.Struct, frozen=True, kw_only=True):
    status: Literal["done", "absent", "replayed", "reused"]
    entry: str = ""
    answer: AnswerGiven | None = None


_MUTE = Script("mute", _Reply, acknowledges=always)


async def mute(log: Log, *, command: Command, event: NoticesMuted) -> Position | NoJob | Replayed | KeyReused:
    """Append a mute; where."""
    return await _append(log, event, _Mute(command=command, job=event.job_id, body=body_of(event)))


async def unmute(log: Log, *, command: Command, event: NoticesUnmuted) -> Position | Replayed | KeyReused:
    """Append the end of a mute, whatever is known of it; where."""
    done = await _append(log, event, _Mute(command=command, body=body_of(event)))
    assert not isinstance(done, NoJob)
    return done


async def _append(
    log: Log, event: NoticesMuted | NoticesUnmuted, payload: _Mute
) -> Position | NoJob | Replayed | KeyReused:
    partition = partition_of_mute(event.mute_id, log.partitions)
    reply = await log.call(_MUTE, partition, payload)
    match reply.status:
        case "done":
            return at_entry(partition, reply.entry)
        case "absent":
            return NoJob()
        case "replayed":
            assert reply.answer is not None
            return Replayed(reply.answer.at(partition))
        case "reused":
            return KeyReused()
