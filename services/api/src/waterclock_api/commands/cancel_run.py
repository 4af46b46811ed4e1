"""Cancelling a run, by its client's wish."""

from __future__ import annotations

from typing import Any

from waterclock.kit.telemetry import traces
from waterclock.log.commands.bodies import part
from waterclock.log.commands.idempotency import Command, Replayed
from waterclock.log.commands.idempotency import KeyReused as Reused
from waterclock.log.commands.runs import AlreadyEnded, Cancelled, LiveRun, NoRun, cancel, find_run
from waterclock.model.errors import KeyReused, NotFound, RunEnded
from waterclock.model.events import RunCancelled, RunCancelRequested
from waterclock.model.ids import ID_PATTERN
from waterclock_api.commands.context import CommandContext
from waterclock_api.commands.outage_retry import appended
from waterclock_api.http.caller import Caller
from waterclock_api.queries.lookup import run_or_refuse


async def cancel_one(context: CommandContext, caller: Caller, run_id: str, command: Command) -> bool:
    """Ask that a run be stopped, by that command; whether it had been asked for by the same command before.

    Raises:
        NotFound: no such run.
        RunEnded: it is over.
        KeyReused: the command's id was used for something else.
    """
    if ID_PATTERN.fullmatch(run_id) is None:
        raise NotFound("run", run_id)
    known = await find_run(context.log, run_id)
    told: dict[str, Any] = {
        "run_id": run_id,
        "job_id": (known.record.job_id or None) if isinstance(known, LiveRun) else None,
        "actor": caller.actor,
        "command_id": command.id,
        "traceparent": traces.inject() or caller.traceparent,
    }
    asking, ending = part(RunCancelRequested, **told), part(RunCancelled, **told)
    done = await appended(
        context.clock,
        lambda: cancel(context.log, run_id, command=command, body_requested=asking, body_cancelled=ending),
    )
    match done:
        case Cancelled():
            return False
        case Replayed():
            return True
        case AlreadyEnded(status=status):
            raise RunEnded(status)
        case NoRun():
            run = await run_or_refuse(context, run_id)  # it may have ended longer ago than the log remembers
            raise RunEnded(run.status)
        case Reused():
            raise KeyReused
