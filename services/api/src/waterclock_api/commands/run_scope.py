"""Doors that the scope `run` opens to parameters: who may not `edit` sends what the stored job says, where more would
reach beyond it (`waterclock.model.parameters.authority`)."""

from __future__ import annotations

from waterclock.model.definition import Definition
from waterclock.model.errors import Flaw, TryLater
from waterclock.model.events import RunRequested
from waterclock.model.parameters.authority import Asked, beyond_run, held_by, is_held
from waterclock_api.access.credentials import BeyondRun
from waterclock_api.commands.context import CommandContext
from waterclock_api.http.caller import Caller
from waterclock_api.validation.announced_places import Target, authorities


def asked_by(definition: Definition) -> Asked:
    """What a job asks as it stands."""
    return Asked(definition.invoke_target, definition.invoke_params, definition.queue)


def asked_again(request: RunRequested) -> Asked:
    """What a run asks, or asked."""
    return Asked(request.invoke_target, request.params, request.queue)


async def hold(context: CommandContext, caller: Caller, asked: Asked, stored: Asked | None) -> None:
    """`stored`: what the job says that the run would be of; None: it would be of none.

    Raises:
        BeyondRun: the caller may not edit, and sends more than it says.
        TryLater: it cannot be told whether the executor asks for that.
    """
    if caller.may_edit:
        return
    if stored is not None and asked.params is stored.params and asked.queue == stored.queue:
        return  # nothing was sent
    known = await context.registry.known(asked.target)
    spec = None if known is None else known.get(asked.target)
    if known is None and held_by(asked.target, None) == "unknown":
        raise TryLater(
            "The executor's announcement, which limits callers with only the scope 'run', cannot be read now."
        )
    places = authorities(context.registry.announced, Target(name=asked.target, spec=spec, queue=asked.queue))
    _refuse(caller, beyond_run(asked, stored, spec=spec, places=places))


async def hold_without_job(context: CommandContext, caller: Caller, asked: Asked, job_id: str) -> None:
    """The same for a run of a job that is gone: nothing says any more what may be sent.

    Raises:
        BeyondRun: as above.
    """
    if caller.may_edit:
        return
    known = await context.registry.known(asked.target)
    if is_held(asked, None if known is None else known.get(asked.target)):
        _refuse(caller, (Flaw("/params", f"are compared with the job {job_id}, which was deleted"),))


def _refuse(caller: Caller, beyond: tuple[Flaw, ...]) -> None:
    if beyond:
        raise BeyondRun(caller.actor, beyond)
