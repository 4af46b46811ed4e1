"""Names of jobs, unique in their group: reserved before the job is created, beside the partitions.

A reservation counts only if its job bears the name: who finds another's reservation burns its command id in that job's
partition first, and then takes the name if it is still reserved as seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

import msgspec

from waterclock.log.client import Log
from waterclock.log.commands import Answer, AnswerGiven
from waterclock.log.errors import LogUnavailable
from waterclock.log.scripts import Script
from waterclock.model.ids import JobId

_PUT_BACK = "repair"
"""Stands for the command that made a reservation, where that is not known any more."""


class Reserved(NamedTuple):
    pass


class NameTaken(NamedTuple):
    """By whom: it counts if that job bears the name."""

    job_id: JobId
    command_id: str


class Burnt(NamedTuple):
    pass


class AlreadyDone(NamedTuple):
    answer: Answer


class _Name(msgspec.Struct, frozen=True, kw_only=True):
    action: Literal["reserve", "release", "replace"]
    name: str
    mine: str
    theirs: str = ""


class _NameReply(msgspec.Struct, frozen=True, kw_only=True):
    status: Literal["done", "taken"]
    holder: str = ""


class _OpenReply(msgspec.Struct, frozen=True, kw_only=True):
    status: Literal["done", "elsewhere", "stale"]


class _Done(msgspec.Struct, frozen=True):
    status: Literal["done"]


class _BurnReply(msgspec.Struct, frozen=True, kw_only=True):
    status: Literal["burnt", "done"]
    answer: AnswerGiven | None = None


_NAME = Script("name", _NameReply)
_RELEASE = Script("name", _NameReply, relieving=True)
_PUT = Script("put_names", _Done)
_OPEN = Script("open_names", _OpenReply)
_BURN = Script("burn", _BurnReply)


async def reserve_name(log: Log, group: str, name: str, job_id: JobId, command_id: str) -> Reserved | NameTaken:
    """Reserve a name for a job that is about to be created or renamed; again by the same, it is theirs."""
    return await _name(log, _Name(action="reserve", name=f"{group}\0{name}", mine=f"{job_id} {command_id}"))


async def release_name(log: Log, group: str, name: str, job_id: JobId) -> Reserved | NameTaken:
    """Free a name, if that job holds it."""
    return await _name(log, _Name(action="release", name=f"{group}\0{name}", mine=job_id))


async def replace_name(
    log: Log, group: str, name: str, job_id: JobId, command_id: str, *, seen: NameTaken
) -> Reserved | NameTaken:
    """Take a name over, if it is still reserved as `seen`."""
    theirs = f"{seen.job_id} {seen.command_id}"
    payload = _Name(action="replace", name=f"{group}\0{name}", mine=f"{job_id} {command_id}", theirs=theirs)
    return await _name(log, payload)


async def burn_command(log: Log, job_id: JobId, command_id: str, *, client: bool = False) -> Burnt | AlreadyDone:
    """See to it that a command which has not been executed in that job's partition never will be."""
    partition = log.partition_of(job_id)
    reply = await log.call(_BURN, partition, {"command": {"id": command_id, "fingerprint": "", "client": client}})
    if reply.status == "burnt":
        return Burnt()
    assert reply.answer is not None
    return AlreadyDone(reply.answer.at(partition))


async def put_names(log: Log, borne: Sequence[tuple[str, str, JobId]]) -> None:
    """Put the reservations of these names (group, name, job) back, whoever holds them; also while they are not open.

    Only for names that these jobs bear, and that none can have taken from them since.
    """
    flat = [text for group, name, job_id in borne for text in (f"{group}\0{name}", f"{job_id} {_PUT_BACK}")]
    await log.call_names(_PUT, {"names": flat})


async def open_names(log: Log, *, epoch: int) -> None:
    """Open the names on the process that holds them now.

    Raises:
        LogUnavailable: the process changed meanwhile.
    """
    server = await log.run_id(log.keys.names_meta)
    reply = await log.call_names(_OPEN, {"epoch": epoch, "server": server})
    if reply.status == "elsewhere":
        raise LogUnavailable("The server of the names does not stay the same.")


async def _name(log: Log, payload: _Name) -> Reserved | NameTaken:
    reply = await log.call_names(_RELEASE if payload.action == "release" else _NAME, payload)
    if reply.status == "done":
        return Reserved()
    job_id, _, command_id = reply.holder.partition(" ")
    return NameTaken(JobId(job_id), command_id)
