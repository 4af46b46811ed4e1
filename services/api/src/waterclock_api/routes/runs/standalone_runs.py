"""The route for a run without a job."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from litestar import post

from waterclock.kit.telemetry import traces
from waterclock.log.commands.bodies import body_of
from waterclock.log.commands.requests import Request
from waterclock.model.errors import Flaw
from waterclock.model.events import RunRequested
from waterclock.model.ids import RunId, requested_run
from waterclock.model.parameters.authority import Asked as AskedOf
from waterclock.model.parameters.bounds import label_flaws
from waterclock.model.timestamps import stamp
from waterclock_api.commands.idempotency import earlier_or_refuse
from waterclock_api.commands.request_run import PATH, executor_notes, ready_at_of, request_alone, told_run
from waterclock_api.commands.run_scope import hold
from waterclock_api.dependencies import Dependencies, dependencies_of
from waterclock_api.http.caller import Caller, caller_of
from waterclock_api.http.request_body import read_json, read_struct, refuse
from waterclock_api.http.request_query import read_query
from waterclock_api.http.response import Answer
from waterclock_api.http.route import AnyRequest, Spec
from waterclock_api.schemas.requests import RunWrite, WriteQuery
from waterclock_api.schemas.responses import Asked, Note
from waterclock_api.telemetry.tracing import asked
from waterclock_api.validation.notes import bounded, notes_of
from waterclock_api.validation.place_bounds import check_places
from waterclock_api.validation.values import (
    check_params,
    check_params_size,
    check_queue,
    check_target,
    duration,
    retry_policy,
)


@post(
    PATH,
    spec=Spec(scope="run", body=RunWrite, query=WriteQuery, answers={202: Asked}, refuses=(413, 415, 422), keyed=True),
)
async def request_run(request: AnyRequest) -> Answer:
    """Start a run without a job."""
    parts = dependencies_of(request)
    query = read_query(request, WriteQuery)
    body = await read_json(request)
    caller = caller_of(request, body)
    with asked(caller, "request run"):
        run_id = requested_run(None, caller.command.id)
        if await earlier_or_refuse(parts, caller, run_id) is not None:
            return told_run(run_id, replayed=True, notes=await _notes(parts, run_id, body))
        checked: list[Note] = []
        wanted = await _wanted(parts, caller, run_id, body, checked, allow_unknown=query.allow_unknown_executor)
        done = await request_alone(parts, caller.command, wanted)
        notes = bounded((*checked, *await _notes(parts, run_id, body)))
        return told_run(done.run_id, replayed=done.replayed, notes=notes)


async def _wanted(
    parts: Dependencies, caller: Caller, run_id: RunId, body: Any, notes: list[Note], *, allow_unknown: bool
) -> Request:
    """The run that a body describes, checked in every respect.

    Raises:
        Invalid: names every flaw.
        BeyondRun: it takes the scope `edit`.
    """
    flaws: list[Flaw] = []
    write = read_struct(RunWrite, body, flaws, stand_ins={"invoke_target": ""})
    check_params_size(write.params, flaws, at="params")
    flaws += label_flaws(write.labels)
    check_queue(write.queue, (queue.name for queue in parts.log.queues), flaws)
    ready_at = await ready_at_of(parts, run_id, write, flaws)
    timeout = None if write.timeout is None else duration("timeout", write.timeout, flaws)
    retry = retry_policy(write.retry, flaws)
    target = write.invoke_target
    known = await parts.registry.known(target, patient=not allow_unknown) if target else None
    if known is not None:
        check_target(target, known, flaws, unknown_too=allow_unknown)
    if not flaws:
        await hold(parts, caller, AskedOf(target, write.params, write.queue), None)
    if known is not None:
        beside = partial(parts.offload.run, caller.who)
        await check_params(known.get(target), write.params, flaws, notes, at="params", beside=beside)
        check_places(parts.registry, target, write.params, flaws, queue=write.queue, at="params")
    refuse(flaws)
    event = RunRequested(
        run_id=run_id,
        trigger="manual",
        ready_at=stamp(ready_at) if ready_at else None,
        invoke_target=target,
        params=write.params,
        queue=write.queue,
        timeout=timeout,
        retry=retry,
        labels=write.labels,
        reason=write.reason,
        actor=caller.actor,
        command_id=caller.command.id,
        traceparent=traces.inject() or caller.traceparent,
        tracestate=caller.tracestate,
    )
    return Request(run_id=run_id, queue=write.queue, overlap="allow", ready_at=ready_at, body=body_of(event))


async def _notes(parts: Dependencies, run_id: str, body: Mapping[str, Any]) -> tuple[Note, ...]:
    """Of a body that was checked."""
    target, queue = body["invokeTarget"], body.get("queue", "default")
    found = notes_of(parts.registry, target, body.get("params", {}), queue=queue, at="params")
    return (*await executor_notes(parts, run_id, target, queue), *found)


HANDLERS = (request_run,)
