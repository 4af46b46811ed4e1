"""A client's key that comes again: the first answer, before anything else is looked at."""

from __future__ import annotations

from waterclock.log.commands.earlier_answers import earlier_answer
from waterclock.log.commands.idempotency import Answer, Replayed
from waterclock.log.commands.idempotency import KeyReused as Reused
from waterclock.model.errors import KeyReused
from waterclock_api.commands.context import CommandContext
from waterclock_api.http.caller import Caller

REPLAYED = {"Idempotency-Replayed": "true"}


async def earlier_or_refuse(context: CommandContext, caller: Caller, subject: str) -> Answer | None:
    """What the same key did before, in the partition of `subject`; None if it is new, or no client's.

    Raises:
        KeyReused: it was used for something else.
    """
    match await earlier_answer(context.log, context.log.partition_of(subject), caller.command):
        case None:
            return None
        case Replayed(answer=given):
            return given
        case Reused():
            raise KeyReused
