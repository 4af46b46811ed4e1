"""The stored events, made from their structs; when each is written, and what its members mean, is said here.

long: the texts of all events and members.
"""

from __future__ import annotations

import json
import types
import typing
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from waterclock.model.events import Event, StoredEvent

EXAMPLES = Path(__file__).with_name("event_examples.json")
"""Of a `waterclock dev`, by type."""
COMMON = {field.name for field in msgspec.structs.fields(Event)}
GROUPS: Mapping[str, tuple[str, ...]] = {
    "Jobs": ("job.created", "job.changed", "job.enabled", "job.disabled", "job.deleted", "logs.cleared"),
    "Decisions": ("run.requested", "fire.skipped", "fire.coalesced"),
    "Runs and attempts": (
        *("run.started", "run.succeeded", "run.failed", "run.timedOut", "run.retryScheduled"),
        *("run.cancelRequested", "run.cancelled", "run.lost", "run.died", "result.refused"),
    ),
    "Steps": ("step.started", "step.log", "step.progress", "step.finished"),
    "Queues and workers": ("queue.paused", "queue.resumed", "worker.joined", "worker.left"),
    "Schedulers and the event log": (
        *("leadership.taken", "epoch.began", "log.forked", "archive.lost", "log.truncated"),
    ),
}
WHEN: Mapping[str, str] = {
    "job.created": "A job was created.",
    "job.changed": "The definition of a job was replaced.",
    "job.enabled": "The schedule of a job was started.",
    "job.disabled": "The schedule of a job was stopped. Its runs that have not started are cancelled.",
    "job.deleted": "A job was deleted. Its runs stay readable.",
    "logs.cleared": "The log lines of all runs of a job, up to this event, are to be deleted.",
    "run.requested": "A run was requested, by a schedule or by a caller. It has all that the worker needs.",
    "fire.skipped": "Scheduled times of a job start no run. `reason` says why.",
    "fire.coalesced": "Scheduled times of a job were merged into another run.",
    "run.started": "A worker got the run: an attempt starts.",
    "run.succeeded": "The run succeeded.",
    "run.failed": "The last attempt failed, so the run failed.",
    "run.timedOut": "The last attempt reached its timeout.",
    "run.retryScheduled": "An attempt went wrong. Another follows at `readyAt`.",
    "run.cancelRequested": "Somebody asked to cancel a running run.",
    "run.cancelled": "The run was cancelled.",
    "run.lost": "An attempt ended without a result from its worker, or was returned. The run is queued again.",
    "run.died": "The run was lost too often, or its request was lost. It is not tried again.",
    "result.refused": "A worker sent a result after its run was given to another. It changes nothing.",
    "step.started": "A step of an attempt started.",
    "step.log": "Log lines of an attempt.",
    "step.progress": "Progress of a step.",
    "step.finished": "A step ended.",
    "queue.paused": "A queue was paused.",
    "queue.resumed": "A queue was resumed.",
    "worker.joined": "A worker started a session, and announced its executors.",
    "worker.left": "A worker ended its session, or was found dead.",
    "leadership.taken": "A scheduler became the leader of the partition.",
    "epoch.began": "A projector opened the partition on a Redis server.",
    "log.forked": "Redis had lost its last events. They were put back from the archive.",
    "archive.lost": "The archive was restored to a state before events that Redis had already trimmed. It is in the "
    "archive only, in the place of the last lost event.",
    "log.truncated": "An epoch ended before events that a process knows: they are lost.",
}
MEMBERS: Mapping[str, str] = {
    "after": "The decided time before this event. With `through`: the range that this event decides",
    "through": "End of the decided range, inclusive",
    "attempt": "Number of the attempt, from 1",
    "bars": "Runs that were requested before do not start any more",
    "blocked_by": "The unfinished run that blocked",
    "common": "Position of the last event that Redis and the archive both had",
    "count": "Number of scheduled times",
    "definition": "The job as it is from now on, see [job](job.md)",
    "digest": "Hash of the scheduled times",
    "done": "Finished part",
    "dropped": "Events that only Redis had, and that were set aside",
    "dropped_first": "Position of the first of them",
    "dropped_last": "Position of the last of them",
    "ended_at": "Position of the last event that is left",
    "epoch": "Number of the epoch",
    "error": "`type`, `message` and `traceback`",
    "executors": "Executors with the schemas of parameters and results",
    "fence": "Number of this grant; it grows with each attempt",
    "first": "First of the scheduled times",
    "folded": "Number of scheduled times that were merged into this run",
    "folded_first": "First of them",
    "into": "The run that they were merged into",
    "invoke_target": "The executor",
    "job_group": "Group of the job",
    "job_id": "Id of the job",
    "job_name": "Name of the job",
    "known_through": "Position of the last known event",
    "labels": "Labels of the run",
    "last": "Last of the scheduled times",
    "lines": "The lines: `at`, `level`, `text`",
    "lines_count": "Number of lines that were deleted; then `lines` is empty",
    "lost": "Number of lost events",
    "name": "Name of the step",
    "nominal_at": "The scheduled time",
    "number": "Number of the step, from 1 in each attempt",
    "outcome": "How the attempt ended",
    "params": "Parameters",
    "partitions": "Number of partitions from now on",
    "places": "Places of the worker",
    "policy": "The policy that led to it",
    "queue": "The queue",
    "queues": "Queues that the worker takes runs from",
    "ready_at": "The run does not start before",
    "reason": "The given reason",
    "release": "Version of Waterclock",
    "releases": "Runs that were requested before do not wait for each other any more",
    "repaired": "Jobs and unfinished runs that were put back",
    "result": "Result of the executor",
    "retry": "Retry policy",
    "retry_of": "The run that this one repeats",
    "run_id": "Id of the run",
    "scheduler": "Name of the scheduler",
    "serial": "The run may not overlap other runs of its job",
    "server": "`run_id` of the Redis server",
    "session": "Session of the worker",
    "settled": "Fence of the last attempt that its worker ended itself",
    "slots": "Runs at once",
    "state": "State of the new run",
    "status": "How the step ended",
    "term": "Number of the leadership",
    "timeout": "Timeout in seconds; absent: the executor's",
    "total": "Whole; absent: not known",
    "trigger": "What requested the run",
    "tzdata": "Version of the time zone rules that were used",
    "unfit": "Stored jobs whose parameters do not match",
    "version": "Version of the job",
    "waiting_on": "The run of the job that it waits for",
    "worker": "Name of the worker",
}
IN_AN_EVENT: Mapping[tuple[str, str], str] = {
    ("run.cancelled", "attempt"): "Number of the attempt that was cancelled; 0: none was running",
    ("run.died", "attempt"): "Number of the last attempt; 0: none was running",
    ("run.cancelled", "reason"): "Why it was cancelled",
    ("run.cancelRequested", "reason"): "Why it is to be cancelled",
    ("run.lost", "reason"): "Why the attempt was lost",
    ("run.died", "reason"): "Why the last attempt was lost",
    ("fire.skipped", "reason"): "Why there is no run",
    ("worker.left", "reason"): "`drained`: it left; `lost`: it died",
    ("step.log", "number"): "Number of the step; absent: outside any step",
    ("run.requested", "policy"): "The misfire policy that made the run",
    ("log.forked", "lost"): "Events that Redis had lost, and that were put back",
    ("run.started", "fence"): "Number of this grant, checked on every write of the attempt",
}
_TYPES = {str: "text", int: "number", float: "number", bool: "boolean"}


def text() -> str:
    """
    Raises:
        ValueError: an event has no text or no group, a member has no meaning, or an example is none.
    """
    kinds = {str(kind.__struct_config__.tag): kind for kind in StoredEvent.__args__}
    grouped = [tag for tags in GROUPS.values() for tag in tags]
    if sorted(grouped) != sorted(kinds) or WHEN.keys() != kinds.keys():
        raise ValueError(f"events differ: {sorted(set(grouped) ^ kinds.keys() | WHEN.keys() ^ kinds.keys())}")
    examples: dict[str, dict[str, Any]] = json.loads(EXAMPLES.read_text(encoding="utf-8"))
    rows = [f"| [`{tag}`](#{tag.replace('.', '').lower()}) | {WHEN[tag]} |" for tag in grouped]
    parts = ["## All events\n", "| Type | When it is written |", "|---|---|", *rows, ""]
    for title, tags in GROUPS.items():
        parts.append(f"## {title}\n")
        for tag in tags:
            parts += _section(tag, kinds[tag], examples.get(tag))
    return "\n".join(parts)


def _section(tag: str, kind: type[Event], example: dict[str, Any] | None) -> Iterator[str]:
    yield f"### `{tag}`\n\n{WHEN[tag]}\n"
    yield "| Member | Type | Meaning |\n|---|---|---|"
    for field in sorted(msgspec.structs.fields(kind), key=lambda field: not field.required):
        if field.name not in COMMON:
            said = IN_AN_EVENT.get((tag, field.name)) or MEMBERS[field.name]
            yield f"| `{field.encode_name}` | {_type(field.type)} | {said}{'' if field.required else ' (optional)'} |"
    yield ""
    if example is not None:
        place = {name: example[name] for name in ("id", "at", "type")}
        msgspec.convert({name: value for name, value in example.items() if name not in ("id", "at")}, kind)
        shown = json.dumps(place | example, ensure_ascii=False, separators=(",", ":"))
        yield f"```json\n{shown}\n```\n"


def _type(kind: Any) -> str:
    while typing.get_origin(kind) is Annotated:
        kind = typing.get_args(kind)[0]
    origin = typing.get_origin(kind)
    if origin in (typing.Union, types.UnionType):
        return " or ".join(dict.fromkeys(_type(each) for each in typing.get_args(kind) if each is not type(None)))
    if origin is Literal:
        return ", ".join(f"`{each}`" for each in typing.get_args(kind))
    if origin is tuple:
        return "list"
    if isinstance(kind, typing.NewType):
        return "time" if kind.__name__ == "Stamp" else _type(kind.__supertype__)
    if kind is Any:
        return "JSON"
    return _TYPES.get(kind, "object")
