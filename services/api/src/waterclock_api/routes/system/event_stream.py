"""The route of all events, live."""

from __future__ import annotations

from typing import Annotated

import msgspec
from litestar import get

from waterclock.kit.text.members import said
from waterclock.model.errors import Flaw
from waterclock.model.ids import ID_PATTERN
from waterclock_api.dependencies import Dependencies, dependencies_of
from waterclock_api.http.problems import BadRequest
from waterclock_api.http.request_query import read_query
from waterclock_api.http.route import AnyRequest, Spec
from waterclock_api.live.history import log_subjects
from waterclock_api.live.resume import places_named
from waterclock_api.live.stream import EventStream
from waterclock_api.live.subscriptions import Question
from waterclock_api.routes.system.events import EventType, tags_named

Partition = Annotated[int, msgspec.Meta(ge=0, lt=1 << 31)]


class EventsStreamQuery(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Which events to send, and where to resume."""

    type: Annotated[
        tuple[EventType, ...], said("Events of this type, such as `job.changed` or `job`. Repeatable.")
    ] = ()
    job_id: Annotated[tuple[str, ...], said("Events of this job, by its id. Repeatable.")] = ()
    partition: Annotated[tuple[Partition, ...], said("Events of this partition. Repeatable.")] = ()
    after: Annotated[
        str | None,
        said(
            "`id` of an event of this stream, after which it continues; 0: from the oldest event kept. The header "
            "`Last-Event-ID` takes precedence."
        ),
    ] = None


@get(
    "/v1/monitor/events/stream",
    spec=Spec(scope="export", query=EventsStreamQuery, answers={200: "events"}),
)
async def stream_events(request: AnyRequest) -> EventStream:
    """Stream all events, or those of some types, jobs or partitions, from now on. It does not end."""
    parts = dependencies_of(request)
    query = read_query(request, EventsStreamQuery)
    question = _question(parts, query)
    after = places_named(request, query.after, question.partitions, there_are=parts.log.partitions)
    return EventStream(parts, parts.hub, parts.outages, log_subjects(question), after)


def _question(parts: Dependencies, query: EventsStreamQuery) -> Question:
    """
    Raises:
        BadRequest: no such type, id or partition.
    """
    for job_id in query.job_id:
        if ID_PATTERN.fullmatch(job_id) is None:
            raise _wrong("?jobId", f"{job_id!r} is no id of a job")
    for partition in query.partition:
        if partition >= parts.log.partitions:
            raise _wrong("?partition", f"there are partitions 0 to {parts.log.partitions - 1}")
    partitions = set(query.partition or range(parts.log.partitions))
    return Question(tuple(sorted(partitions)), types=frozenset(tags_named(query.type)), jobs=frozenset(query.job_id))


def _wrong(pointer: str, message: str) -> BadRequest:
    return BadRequest(f"{pointer}: {message}", Flaw(pointer, message))


HANDLERS = (stream_events,)
