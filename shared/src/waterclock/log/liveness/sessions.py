"""Sessions: one start of one worker process in one partition, its lease, and what becomes of what it held."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple, cast

import msgspec

from waterclock.log.client import Log
from waterclock.log.commands.bodies import Body
from waterclock.log.connection.errors import NoSession
from waterclock.log.connection.scripts import Script
from waterclock.model.ids import JobId, RunId

LEASE_MS = 8_000
"""Who was not heard for longer is silent: the default lease of workers."""


class Held(msgspec.Struct, frozen=True, array_like=True):
    run_id: RunId
    fence: int
    attempt: int
    cancel: bool
    claim: int  # number of the claim that granted it


class Renewed(NamedTuple):
    held: list[Held]


class SessionState(msgspec.Struct, frozen=True, array_like=True):
    """How a session stands in a partition."""

    renewal: int  # its number; -1: found dead, or closed with runs in hand: a sweeper empties it
    heard_at: int  # ms: its last renewal, or claim that was granted something
    running: int  # runs it holds


class SessionList(NamedTuple):
    """`now`: the partition's clock, ms; a state for each session, None where it has none."""

    now: int
    sessions: list[SessionState | None]


class LostAttempt(msgspec.Struct, frozen=True, array_like=True):
    """An attempt that ended without a word, and what became of its run."""

    run_id: RunId
    job_id: JobId  # empty: the run has none
    attempt: int
    fate: Literal["again", "cancelled", "died"]


class Swept(NamedTuple):
    """`alive`: the session renewed meanwhile; `more`: call again; `emptied`: nothing is left of it."""

    state: Literal["alive", "emptied", "more"]
    runs: int
    lost: list[LostAttempt]


class _Status(msgspec.Struct, frozen=True, kw_only=True):
    status: Literal["done", "nosession"]


class _Left(msgspec.Struct, frozen=True, kw_only=True):
    status: Literal["done", "more"]


class _RenewReply(msgspec.Struct, frozen=True, kw_only=True):
    status: Literal["done", "nosession"]
    held: list[Held] = []


class _SweepReply(msgspec.Struct, frozen=True, kw_only=True):
    status: Literal["alive", "emptied", "more"]
    runs: int = 0
    lost: list[LostAttempt] = []


class _MusterReply(msgspec.Struct, frozen=True, kw_only=True):
    now: int
    sessions: list[SessionState | bool]


_JOIN = Script("join", _Status)
_LEAVE = Script("leave", _Left)
_RENEW = Script("renew", _RenewReply)
_SWEEP = Script("sweep", _SweepReply)
_MUSTER = Script("list_sessions", _MusterReply)


async def join(log: Log, session: str, *, body: Body | None, executors: str | None = None) -> None:
    """Open a session in every partition. `body`: WorkerJoined, announced in partition 0.

    `executors`: what it can run, as `commands.aside.announced` has it; None: it does not say.

    Raises:
        NoSession: it was found dead in a partition: take a new one.
    """
    assert ":" not in session
    for partition in range(log.partitions):
        await join_partition(log, partition, session, body=body if partition == 0 else None, executors=executors)


async def join_partition(
    log: Log, partition: int, session: str, *, body: Body | None = None, executors: str | None = None
) -> None:
    """As `join`, in one partition: after a halt, or when the session was lost there."""
    reply = await log.call(_JOIN, partition, {"session": session, "body": body, "executors": executors})
    if reply.status == "nosession":
        raise NoSession(session, partition)


async def leave(log: Log, session: str, *, body: Body | None) -> None:
    """Close a session in every partition; what it still holds is left to a sweeper. `body`: WorkerLeft."""
    for partition in range(log.partitions):
        payload = {"session": session, "body": body if partition == 0 else None}
        while (await log.call(_LEAVE, partition, payload)).status == "more":
            pass


async def renew(log: Log, partition: int, session: str, number: int) -> Renewed:
    """Renew the session's lease in a partition; on the control connection.

    Raises:
        NoSession: it is not alive there.
    """
    reply = await log.call(_RENEW, partition, {"session": session, "number": number}, control=True)
    if reply.status == "nosession":
        raise NoSession(session, partition)
    return Renewed(reply.held)


async def sessions(log: Log, partition: int) -> dict[str, int]:
    """Sessions and their renewal numbers; -1: found dead, and to be emptied on."""
    key = log.keys.partition(partition, "sessions")
    flat = cast("list[bytes]", await log.execute(key, "HGETALL", key, control=True))
    return {name.decode(): int(state.partition(b" ")[0]) for name, state in zip(flat[::2], flat[1::2], strict=True)}


async def list_sessions(log: Log, partition: int, sessions: Sequence[str]) -> SessionList:
    """How these sessions, at most a thousand, stand in a partition."""
    reply = await log.call(_MUSTER, partition, {"sessions": sessions})
    return SessionList(reply.now, [state if isinstance(state, SessionState) else None for state in reply.sessions])


async def sweep(
    log: Log,
    partition: int,
    *,
    session: str,
    number: int,
    body_left: Body | None,
    body_lost: Body,
    body_died: Body,
    body_cancelled: Body,
    limit: int = 200,
) -> Swept:
    """Empty a dead session, if its renewal number is still `number`: its runs are queued again, or end.

    At most `limit` runs in a call. `body_left`: WorkerLeft, appended when the session is found dead.
    """
    payload = {
        "session": session,
        "number": number,
        "limit": limit,
        "body_left": body_left,
        "body_lost": body_lost,
        "body_died": body_died,
        "body_cancelled": body_cancelled,
    }
    reply = await log.call(_SWEEP, partition, payload)
    return Swept(reply.status, reply.runs, reply.lost)
