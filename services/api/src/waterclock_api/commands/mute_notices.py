"""Muting notices, and ending a mute: events that no projector may be at work beside that does not know them.

asked again? ── job there? known to all? ── append ── the caller waits until it is in the read models, and holds
"""

from __future__ import annotations

from typing import NamedTuple

from waterclock.kit.telemetry import traces
from waterclock.log.commands import mutes as log_mutes
from waterclock.log.commands.earlier_answers import earlier_answer
from waterclock.log.commands.idempotency import KeyReused as Reused
from waterclock.log.commands.idempotency import Replayed
from waterclock.log.commands.requests import NoJob
from waterclock.model.errors import Flaw, Invalid, KeyReused
from waterclock.model.events import NoticesMuted, NoticesUnmuted
from waterclock.model.ids import JobId, MuteId, created_mute, partition_of_mute
from waterclock.model.positions import Position
from waterclock.model.timestamps import stamp
from waterclock.wire.level import MUTES
from waterclock_api.commands.context import CommandContext
from waterclock_api.commands.known_to_all import check_known_to_all
from waterclock_api.commands.outage_retry import appended
from waterclock_api.http.caller import Caller
from waterclock_api.http.request_body import refuse
from waterclock_api.validation.mutes import Wanted, until_of


class Muted(NamedTuple):
    """`replayed`: the same command had muted before."""

    mute_id: MuteId
    position: Position
    replayed: bool


async def mute(context: CommandContext, caller: Caller, wanted: Wanted) -> Muted:
    """
    Raises:
        Invalid: there is no such job, or the time is over or too far.
        OlderPartsAtWork, TryLater, KeyReused.
    """
    mute_id = created_mute(wanted.job_id, caller.command.id)
    partition = partition_of_mute(mute_id, context.log.partitions)
    earlier = await earlier_answer(context.log, partition, caller.command)
    if earlier is None:
        await check_known_to_all(context, "mute", MUTES)
        flaws: list[Flaw] = []
        until = until_of(wanted, await context.decisive_now(partition), flaws)
        refuse(flaws)
        event = NoticesMuted(
            mute_id=mute_id,
            until=stamp(until),
            reason=wanted.reason,
            job_id=wanted.job_id,
            group=wanted.group,
            label=wanted.label,
            all_=wanted.everything,
            actor=caller.actor,
            command_id=caller.command.id,
            traceparent=traces.inject() or caller.traceparent,
        )
        earlier = await appended(
            context.clock, lambda: log_mutes.mute(context.log, command=caller.command, event=event)
        )
    match earlier:
        case Position():
            return Muted(mute_id, earlier, replayed=False)
        case Replayed(answer=given):
            assert given.position is not None
            return Muted(mute_id, given.position, replayed=caller.command.client)
        case NoJob():
            raise Invalid(Flaw("/jobId", f"there is no job {wanted.job_id}"))
        case Reused():
            raise KeyReused


async def unmute(
    context: CommandContext, caller: Caller, mute_id: MuteId, job_id: JobId | None, reason: str | None
) -> Position:
    """End a mute; where.

    Raises:
        OlderPartsAtWork, TryLater.
    """
    await check_known_to_all(context, "end of a mute", MUTES)
    event = NoticesUnmuted(
        mute_id=mute_id,
        job_id=job_id,
        reason=reason,
        actor=caller.actor,
        command_id=caller.command.id,
        traceparent=traces.inject() or caller.traceparent,
    )
    done = await appended(context.clock, lambda: log_mutes.unmute(context.log, command=caller.command, event=event))
    match done:
        case Position():
            return done
        case Replayed(answer=given):  # the first reply was lost on its way
            assert given.position is not None
            return given.position
        case Reused():
            raise KeyReused
