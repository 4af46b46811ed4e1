"""A body → a definition, checked in every respect."""

from __future__ import annotations

from functools import partial
from typing import Any

import msgspec

from waterclock.model.cron.parse import names_zone
from waterclock.model.definition import Definition
from waterclock.model.errors import Flaw
from waterclock.model.ids import JobId
from waterclock.model.parameters.authority import same_executor
from waterclock.model.parameters.bounds import promises_alike, same_schedule, schedule_flaws
from waterclock.model.parameters.promise_bounds import promise_notes, success_flaws
from waterclock.wire.level import PROMISES
from waterclock_api.commands.context import CommandContext
from waterclock_api.commands.known_to_all import check_known_to_all
from waterclock_api.http.request_body import read_struct, refuse
from waterclock_api.schemas.requests import READ_ONLY, JobWrite
from waterclock_api.schemas.responses import Note
from waterclock_api.validation.place_bounds import check_places
from waterclock_api.validation.values import check_params, check_queue, check_target, definition_of

_STAND_INS = {"job_name": "-", "invoke_target": ""}


async def definition_in(
    context: CommandContext,
    body: Any,
    job_id: JobId,
    notes: list[Note],
    *,
    who: str,
    allow_unknown: bool,
    before: Definition | None = None,
) -> Definition:
    """The definition that a body describes, checked in every respect; what is no flaw is added to `notes`.

    Whose computations it counts among says `who`.

    Where the installation has a zone (`WATERCLOCK_TIMEZONE`), a body without one gets it, or keeps that of `before`.
    A schedule that `before` had too need not name a future instant: a job whose last has passed can still be edited.

    Raises:
        Invalid: names every flaw.
        OlderPartsAtWork, TryLater: it has a promise, which others would lose, or nobody can tell.
    """
    flaws: list[Flaw] = []
    write = read_struct(JobWrite, body, flaws, ignored=READ_ONLY, stand_ins=_STAND_INS)
    if context.zone is not None and "timezone" not in body and not names_zone(write.cron_expression):
        write = msgspec.structs.replace(write, timezone=before.timezone if before is not None else context.zone)
        notes += [] if before is not None else [_resolved(context.zone)]
    definition = definition_of(write, flaws, before=before)
    if before is None or not same_schedule(before, definition):
        now = await context.decisive_now(context.log.partition_of(job_id))
        flaws += schedule_flaws(job_id, definition, now)
    if definition.promise and (before is None or not promises_alike(before, definition)):
        now = await context.decisive_now(context.log.partition_of(job_id))
        flaws += success_flaws(job_id, definition, now)
        notes += [Note(pointer=at, message=said) for at, said in promise_notes(job_id, definition, now)]
    check_queue(definition.queue, (queue.name for queue in context.log.queues), flaws)
    target = definition.invoke_target
    known = await context.registry.known(target, patient=not allow_unknown) if target else None
    if known is not None:
        if before is None or before.invoke_target != target:
            check_target(target, known, flaws, unknown_too=allow_unknown)
        spec, beside = known.get(target), partial(context.offload.run, who)
        same = before is not None and same_executor(before.invoke_target, target, spec)
        stored = before.invoke_params if before is not None and same else None
        await check_params(
            spec, definition.invoke_params, flaws, notes, at="invokeParams", beside=beside, before=stored
        )
        check_places(
            context.registry,
            target,
            definition.invoke_params,
            flaws,
            queue=definition.queue,
            at="invokeParams",
            before=stored,
        )
    refuse(flaws)
    if definition.promise:
        await check_known_to_all(context, "promise", PROMISES)
    return definition


def _resolved(zone: str) -> Note:
    said = f"not given: the job keeps {zone}, which is WATERCLOCK_TIMEZONE of the API now"
    return Note(pointer="/timezone", message=said)
