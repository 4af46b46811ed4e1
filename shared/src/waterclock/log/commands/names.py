"""Names of jobs, unique in their group: reserved before the job is created, beside the partitions.

A reservation counts only if its job bears the name: who finds another's reservation burns its command id in that job's
partition first, and then takes the name if it is still reserved as seen.

A name is reserved by what it has in common with all names that are one with it (`model.names`), and, where that is
another text, by itself too: so releases that know of no such names find it. What they reserved by itself alone stays as
it is, and is found by `odd_names`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple, cast

import msgspec

from waterclock.log.client import Log
from waterclock.log.commands.idempotency import Answer, AnswerGiven
from waterclock.log.connection.errors import LogUnavailable
from waterclock.log.connection.floors import NAMES
from waterclock.log.connection.scripts import Script
from waterclock.model.ids import JobId
from waterclock.model.names import common

_BEYOND_ASCII = b"*[\x80-\xff]*"  # by bytes: no other name has anything invisible, or two ways to be written
_SCANNED = 5_000  # names looked at by the server in one go, about a millisecond
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


class _InvalidateReply(msgspec.Struct, frozen=True, kw_only=True):
    status: Literal["burnt", "done"]
    answer: AnswerGiven | None = None


_NAME = Script("reserve_name", _NameReply)
_RELEASE = Script("reserve_name", _NameReply, relieving=True)
_PUT = Script("put_names", _Done)
_OPEN = Script("open_names", _OpenReply)
_INVALIDATE = Script("invalidate_command", _InvalidateReply)


def spellings(group: str, name: str) -> tuple[tuple[str, str], ...]:
    """What is reserved for a name: what it has in common with others comes first."""
    return tuple(dict.fromkeys([(common(group), common(name)), (group, name)]))


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
    reply = await log.call(_INVALIDATE, partition, {"command": {"id": command_id, "fingerprint": "", "client": client}})
    if reply.status == "burnt":
        return Burnt()
    assert reply.answer is not None
    return AlreadyDone(reply.answer.at(partition))


async def put_names(log: Log, borne: Sequence[tuple[str, str, JobId]]) -> None:
    """Put the reservations of these names (group, name, job) back, whoever holds them; also while they are not open.

    Only for names that these jobs bear, and that none can have taken from them since. What a name only has in common
    with others is left to one that is no more than that.
    """
    own: list[str] = []
    shared: list[str] = []
    for group, name, job_id in borne:
        for spelt in spellings(group, name):
            (own if spelt == (group, name) else shared).extend(("\0".join(spelt), f"{job_id} {_PUT_BACK}"))
    await log.call_names(_PUT, {"names": own, "shared": shared} if shared else {"names": own})


async def odd_names(log: Log) -> dict[tuple[str, str], set[tuple[str, str]]]:
    """Names that are reserved by themselves and have another text in common with others, by that text."""
    found: dict[tuple[str, str], set[tuple[str, str]]] = {}
    key, cursor = log.keys.names, b"0"
    while True:
        words = ("HSCAN", key, cursor, "MATCH", _BEYOND_ASCII, "COUNT", _SCANNED)
        cursor, flat = cast("tuple[bytes, list[bytes]]", await log.execute(key, *words))
        for field in flat[::2]:
            group, _, name = field.decode(errors="replace").partition("\0")
            shared, *own = spellings(group, name)
            if own:
                found.setdefault(shared, set()).add((group, name))
        if cursor == b"0":
            return found


async def holder(log: Log, group: str, name: str) -> NameTaken | None:
    """Who has reserved a name by this very spelling."""
    found = cast("bytes | None", await log.execute(log.keys.names, "HGET", log.keys.names, f"{group}\0{name}"))
    return None if found is None else _taken(found.decode())


async def open_names(log: Log, *, epoch: int) -> bool:
    """Open the names on the process that holds them now. False: they were opened in a later epoch, here or elsewhere.

    Raises:
        LogUnavailable: the process changed meanwhile.
    """
    server = await log.run_id(log.keys.names_meta)
    reply = await log.call_names(_OPEN, {"epoch": epoch, "server": server})
    if reply.status == "elsewhere":
        raise LogUnavailable("The Redis server of the job names keeps changing.")
    if reply.status == "done":
        log.floors.seen(NAMES, epoch)
    return reply.status == "done"


async def _name(log: Log, payload: _Name) -> Reserved | NameTaken:
    reply = await log.call_names(_RELEASE if payload.action == "release" else _NAME, payload)
    if reply.status == "done":
        return Reserved()
    return _taken(reply.holder)


def _taken(held: str) -> NameTaken:
    job_id, _, command_id = held.partition(" ")
    return NameTaken(JobId(job_id), command_id)
