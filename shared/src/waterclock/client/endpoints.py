"""Every route as a value: what to ask, and what the answer is. No I/O: `Client` and `AsyncClient` send the same calls.

A job is named by `group/name` or by its id, wherever one is asked for; the client looks the id up. Where several values
may be given, None stands for all; an empty list is a ValueError.

It is long: one function for each route.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal, Unpack

from waterclock.client import models
from waterclock.client.models import Page
from waterclock.client.request import (
    Body,
    Call,
    CommonRunOptions,
    CommonTriggerOptions,
    Named,
    Stream,
    members,
    several,
)
from waterclock.model.definition import Definition
from waterclock.model.words import STATUS, code_of


def list_jobs(
    *,
    name: str | None = None,
    group: str | Iterable[str] | None = None,
    status: str | None = None,
    target: str | Iterable[str] | None = None,
    queue: str | Iterable[str] | None = None,
    label: str | Iterable[str] | None = None,
    order: Literal["oldest", "newest"] | None = None,
    limit: int | None = None,
    cursor: str | None = None,
) -> Call[Page[models.Job]]:
    """By creation, oldest first unless `order` says otherwise. `name` matches a part of it, in any case.

    `label` is `key` or `key=value`; `status`: `enabled` or `disabled`, or the code, as for `set_status`.
    """
    query = {"jobName": name, "jobGroup": several(group), "status": _code(status), "invokeTarget": several(target)}
    query |= {"queue": several(queue), "label": several(label), "order": order, "limit": limit, "cursor": cursor}
    return Call(path=("jobs",), kind=models.Jobs, query=query)


def job_defaults() -> Call[models.Jobs]:
    """A list for the sake of its `default_timezone`: the zone of a job that names none."""
    return Call(path=("jobs",), kind=models.Jobs, query={"limit": 1})


def jobs_index() -> Call[models.JobsIndex]:
    """All jobs in one answer, with their next times, last runs and streaks."""
    return Call(path=("jobs-index",), kind=models.JobsIndex)


def get_job(job: str, *, as_of: str | None = None) -> Call[models.Job]:
    return Call(path=("jobs", Named(job)), kind=models.Job, query={"asOf": as_of})


def get_detail(job: str) -> Call[models.Detail]:
    return Call(path=("jobs", Named(job), "detail"), kind=models.Detail)


def job_history(
    job: str,
    *,
    kind: str | Iterable[str] | None = None,
    actor: str | None = None,
    from_: str | None = None,
    to: str | None = None,
    limit: int | None = None,
    cursor: str | None = None,
) -> Call[models.History]:
    """What happened to a job, newest first. `kind`: `job.changed`, or what stands before its dot."""
    query = {"type": several(kind), "actor": actor, "from": from_, "to": to, "limit": limit, "cursor": cursor}
    return Call(path=("jobs", Named(job), "history"), kind=models.History, query=query)


def list_events(
    *,
    kind: str | Iterable[str] | None = None,
    job: str | None = None,
    run_id: str | None = None,
    actor: str | None = None,
    from_: str | None = None,
    to: str | None = None,
    limit: int | None = None,
    cursor: str | None = None,
) -> Call[models.History]:
    """All that happened, newest first. A page may hold fewer than `limit` and not be the last."""
    query = {"type": several(kind), "jobId": None if job is None else Named(job), "runId": run_id, "actor": actor}
    query |= {"from": from_, "to": to, "limit": limit, "cursor": cursor}
    return Call(path=("events",), kind=models.History, query=query)


def create_job(
    definition: Definition | Body, *, key: str | None = None, allow_unknown: bool = False
) -> Call[models.Job]:
    """`allow_unknown`: also for an executor that no worker ever announced."""
    query = {"allowUnknownExecutor": "true" if allow_unknown else None}
    body = members(definition)
    return Call(method="POST", path=("jobs",), kind=models.Job, query=query, body=body, keyed=True, key=key)


def replace_job(
    job: str,
    definition: Definition | Body,
    *,
    reason: str | None = None,
    version: int | None = None,
    allow_unknown: bool = False,
) -> Call[models.Job]:
    """The whole definition: what is left out takes its default. `version`: only if the job still has it."""
    query = {"allowUnknownExecutor": "true" if allow_unknown else None, "reason": reason}
    body = members(definition)
    path = ("jobs", Named(job))
    return Call(method="PUT", path=path, kind=models.Job, query=query, body=body, version=version)


def set_status(
    job: str,
    status: Literal["enabled", "disabled", "0", "1"],
    *,
    reason: str | None = None,
    version: int | None = None,
) -> Call[models.Job]:
    """`"0"` is the code for enabled, `"1"` for disabled."""
    body = {"status": _code(status), "reason": reason}
    return Call(method="PUT", path=("jobs", Named(job), "status"), kind=models.Job, body=body, version=version)


def delete_job(job: str, *, reason: str | None = None, version: int | None = None) -> Call[None]:
    query = {"reason": reason}
    return Call(method="DELETE", path=("jobs", Named(job)), kind=type(None), query=query, version=version)


def clear_logs(job: str) -> Call[None]:
    return Call(method="DELETE", path=("jobs", Named(job), "logs"), kind=type(None))


def trigger_job(
    job: str,
    *,
    params: Body | None = None,
    queue: str | None = None,
    delay: float | str | None = None,
    run_at: str | None = None,
    overlap_policy: str | None = None,
    reason: str | None = None,
    key: str | None = None,
) -> Call[models.Asked]:
    body = {"params": params, "queue": queue, "delay": delay, "runAt": run_at}
    body |= {"overlapPolicy": overlap_policy, "reason": reason}
    path = ("jobs", Named(job), "trigger")
    return Call(method="POST", path=path, kind=models.Asked, body=body, keyed=True, key=key)


def triggered(
    job: str, params: Body | None, *, idempotency_key: str | None = None, **more: Unpack[CommonTriggerOptions]
) -> Call[models.Asked]:
    """What `Client.trigger` sends."""
    return trigger_job(job, params=params, key=idempotency_key, **more)


def explain(
    job: str,
    *,
    at: str | None = None,
    from_: str | None = None,
    to: str | None = None,
    order: Literal["oldest", "newest"] | None = None,
    limit: int | None = None,
    cursor: str | None = None,
) -> Call[models.Explanations]:
    """Oldest first unless `order` says otherwise; newest first begins no earlier than the job."""
    query = {"at": at, "from": from_, "to": to, "order": order, "limit": limit, "cursor": cursor}
    return Call(path=("jobs", Named(job), "explain"), kind=models.Explanations, query=query)


def simulate(
    job: str,
    *,
    from_: str,
    to: str,
    definition: Body | None = None,
    running: bool = False,
    limit: int | None = None,
) -> Call[models.Simulation]:
    body = {"from": from_, "to": to, "definition": definition, "running": running, "limit": limit}
    path = ("jobs", Named(job), "simulate")
    return Call(method="POST", path=path, kind=models.Simulation, body=body, reads=True)


def backfill(
    job: str,
    *,
    from_: str,
    to: str,
    dry_run: bool = True,
    pace: float | None = None,
    limit: int | None = None,
    reason: str | None = None,
    key: str | None = None,
) -> Call[models.Backfill]:
    body = {"from": from_, "to": to, "dryRun": dry_run, "pace": pace, "limit": limit, "reason": reason}
    path = ("jobs", Named(job), "backfill")
    return Call(method="POST", path=path, kind=models.Backfill, body=body, keyed=True, key=key)


def preview(
    expression: str,
    *,
    timezone: str | None = None,
    dialect: str | None = None,
    dst_gap: str | None = None,
    dst_fold: str | None = None,
    from_: str | None = None,
    count: int | None = None,
    job: str | None = None,
) -> Call[models.Preview]:
    """`job`: whose H and phase of @every are meant."""
    body = {"cronExpression": expression, "timezone": timezone, "cronDialect": dialect, "dstGap": dst_gap}
    body |= {"dstFold": dst_fold, "from": from_, "count": count, "jobId": None if job is None else Named(job)}
    return Call(method="POST", path=("schedules", "preview"), kind=models.Preview, body=body, reads=True)


def fires(
    *,
    from_: str | None = None,
    to: str | None = None,
    bins: int | None = None,
    limit: int | None = None,
    cursor: str | None = None,
) -> Call[models.Fires]:
    """What comes next of all enabled jobs, by default within an hour; `bins`: how many there are in parts of that."""
    query = {"from": from_, "to": to, "bins": bins, "limit": limit, "cursor": cursor}
    return Call(path=("fires",), kind=models.Fires, query=query)


def verify(
    *, from_: str | None = None, to: str | None = None, jobs: str | Iterable[str] | None = None
) -> Call[models.Proof]:
    query = {"from": from_, "to": to, "jobId": _named(jobs)}
    return Call(path=("ledger", "verify"), kind=models.Proof, query=query)


def strips(
    jobs: str | Iterable[str],
    *,
    from_: str | None = None,
    to: str | None = None,
    bins: int | None = None,
    by: Literal["hour", "day", "week", "month"] | None = None,
    timezone: str | None = None,
) -> Call[models.Strips]:
    """What became of scheduled times in `bins` of equal width, or in parts of the calendar of a zone."""
    query = {"jobId": _named(jobs), "from": from_, "to": to, "bins": bins, "by": by, "timezone": timezone}
    return Call(path=("ledger", "strips"), kind=models.Strips, query=query)


def list_runs(
    *,
    job: str | Iterable[str] | None = None,
    queue: str | Iterable[str] | None = None,
    status: str | Iterable[str] | None = None,
    trigger: str | Iterable[str] | None = None,
    target: str | Iterable[str] | None = None,
    label: str | Iterable[str] | None = None,
    from_: str | None = None,
    to: str | None = None,
    q: str | None = None,
    limit: int | None = None,
    cursor: str | None = None,
) -> Call[Page[models.Run]]:
    """Newest first. `from_` and `to` bound when they were requested; `q`: part of an id, name, target or error."""
    query = {"jobId": _named(job), "queue": several(queue), "status": several(status), "trigger": several(trigger)}
    query |= {"invokeTarget": several(target), "label": several(label), "from": from_, "to": to, "q": q}
    query |= {"limit": limit, "cursor": cursor}
    return Call(path=("runs",), kind=Page[models.Run], query=query)


def list_brief_runs(
    *,
    job: str | Iterable[str] | None = None,
    queue: str | Iterable[str] | None = None,
    status: str | Iterable[str] | None = None,
    trigger: str | Iterable[str] | None = None,
    target: str | Iterable[str] | None = None,
    label: str | Iterable[str] | None = None,
    from_: str | None = None,
    to: str | None = None,
    q: str | None = None,
    limit: int | None = None,
    cursor: str | None = None,
) -> Call[Page[models.BriefRun]]:
    """As `list_runs`, without what may be large."""
    query = {"jobId": _named(job), "queue": several(queue), "status": several(status), "trigger": several(trigger)}
    query |= {"invokeTarget": several(target), "label": several(label), "from": from_, "to": to, "q": q}
    query |= {"view": "brief", "limit": limit, "cursor": cursor}
    return Call(path=("runs",), kind=Page[models.BriefRun], query=query)


def get_run(run_id: str, *, steps: Literal["last", "all"] | None = None) -> Call[models.Run]:
    """`steps`: of the last attempt unless it says otherwise."""
    return Call(path=("runs", run_id), kind=models.Run, query={"steps": steps})


def run_history(
    run_id: str,
    *,
    kind: str | Iterable[str] | None = None,
    actor: str | None = None,
    from_: str | None = None,
    to: str | None = None,
    limit: int | None = None,
    cursor: str | None = None,
) -> Call[models.History]:
    """As `job_history`, of one run."""
    query = {"type": several(kind), "actor": actor, "from": from_, "to": to, "limit": limit, "cursor": cursor}
    return Call(path=("runs", run_id, "history"), kind=models.History, query=query)


def run_lines(
    run_id: str,
    *,
    attempt: int | None = None,
    level: str | Iterable[str] | None = None,
    order: Literal["oldest", "newest"] | None = None,
    around: int | None = None,
    limit: int | None = None,
    cursor: str | None = None,
) -> Call[models.Lines]:
    """Oldest first unless `order` says otherwise, or from the middle: `around` the line of a number."""
    query = {"attempt": attempt, "level": several(level), "order": order, "around": around}
    query |= {"limit": limit, "cursor": cursor}
    return Call(path=("runs", run_id, "logs"), kind=models.Lines, query=query)


def log_outline(run_id: str) -> Call[models.LogOutline]:
    return Call(path=("runs", run_id, "logs", "outline"), kind=models.LogOutline)


def request_run(target: str, *, key: str | None = None, allow_unknown: bool = False, **more: Any) -> Call[models.Asked]:
    """A run without a job; `more` are members of the body (`params`, `queue`, `delay`, `runAt`, `timeout`, …)."""
    query = {"allowUnknownExecutor": "true" if allow_unknown else None}
    body = {"invokeTarget": target} | more
    return Call(method="POST", path=("runs",), kind=models.Asked, query=query, body=body, keyed=True, key=key)


def enqueued(
    executor: str,
    params: Body | None,
    *,
    idempotency_key: str | None = None,
    allow_unknown: bool = False,
    run_at: str | None = None,
    **more: Unpack[CommonRunOptions],
) -> Call[models.Asked]:
    """What `Client.enqueue` sends."""
    if unknown := more.keys() - CommonRunOptions.__annotations__:
        raise TypeError(f"enqueue() has no option {min(unknown)!r}: parameters of the executor go into a mapping")
    body = {"params": params, "runAt": run_at} | more
    return request_run(executor, key=idempotency_key, allow_unknown=allow_unknown, **body)


def cancel_run(run_id: str, *, key: str | None = None) -> Call[models.Asked]:
    return Call(method="POST", path=("runs", run_id, "cancel"), kind=models.Asked, body={}, keyed=True, key=key)


def retry_run(
    run_id: str,
    *,
    queue: str | None = None,
    overlap_policy: str | None = None,
    reason: str | None = None,
    key: str | None = None,
) -> Call[models.Asked]:
    """A new run, with what the ended one was requested with."""
    body = {"queue": queue, "overlapPolicy": overlap_policy, "reason": reason}
    return Call(method="POST", path=("runs", run_id, "retry"), kind=models.Asked, body=body, keyed=True, key=key)


def retry_runs(*, dry_run: bool = False, key: str | None = None, **filters: Any) -> Call[models.Retried]:
    """Run again what has ended and fits; `filters` are members of the body (`jobId`, `status`, `from`, `limit`, …).

    All that failed, timed out or died are asked for by `all=True`; no filter, or an empty one, is refused (`Invalid`).
    """
    body = {"dryRun": dry_run} | filters
    return Call(method="POST", path=("runs", "retry"), kind=models.Retried, body=body, keyed=True, key=key)


def cancel_runs(*, dry_run: bool = False, key: str | None = None, **filters: Any) -> Call[models.CancelledRuns]:
    """Cancel what has not ended and fits, or `all=True`; `filters` as for `retry_runs`."""
    body = {"dryRun": dry_run} | filters
    return Call(method="POST", path=("runs", "cancel"), kind=models.CancelledRuns, body=body, keyed=True, key=key)


def list_dropped(
    *, kind: str | Iterable[str] | None = None, limit: int | None = None, cursor: str | None = None
) -> Call[Page[models.DroppedEvent]]:
    """Events that repairs of the log have dropped, by partition and repair, oldest first."""
    query = {"type": several(kind), "limit": limit, "cursor": cursor}
    return Call(path=("dropped",), kind=Page[models.DroppedEvent], query=query)


def requeue_dropped(
    *, dry_run: bool = True, executed: bool = False, limit: int | None = None, cursor: str | None = None
) -> Call[models.Requeued]:
    """Ask again for the runs among them, each under its own key; `executed`: also those that had ended."""
    body = {"dryRun": dry_run, "executed": executed, "limit": limit, "cursor": cursor}
    body = {name: value for name, value in body.items() if value is not None}
    return Call(method="POST", path=("dropped", "requeue"), kind=models.Requeued, body=body, reads=dry_run)


def list_notices(
    *,
    job: str | Iterable[str] | None = None,
    run_id: str | Iterable[str] | None = None,
    kind: str | Iterable[str] | None = None,
    rule: str | Iterable[str] | None = None,
    from_: str | None = None,
    to: str | None = None,
    limit: int | None = None,
    cursor: str | None = None,
) -> Call[Page[models.Notice]]:
    """What notifiers have told, newest first, with how it was delivered."""
    query = {"jobId": _named(job), "runId": several(run_id), "kind": several(kind), "rule": several(rule)}
    query |= {"from": from_, "to": to, "limit": limit, "cursor": cursor}
    return Call(path=("notices",), kind=Page[models.Notice], query=query)


def rehearse_notices(
    rules: str | Body, *, from_: str, to: str | None = None, limit: int | None = None
) -> Call[models.RehearsedNotices]:
    """What a file of rules, as text in YAML or loaded already, would have told in a range of the past."""
    body = {"rules": rules, "from": from_, "to": to, "limit": limit}
    body = {name: value for name, value in body.items() if value is not None}
    return Call(method="POST", path=("notices", "rehearse"), kind=models.RehearsedNotices, body=body, reads=True)


def list_promises(
    *,
    state: str | Iterable[str] | None = None,
    job: str | Iterable[str] | None = None,
    group: str | Iterable[str] | None = None,
    limit: int | None = None,
    cursor: str | None = None,
) -> Call[Page[models.JobPromise]]:
    """What jobs promise, and how it is kept; `state`: `broken`, `open`, `kept` or `unjudged`."""
    query = {
        "state": several(state),
        "jobId": _named(job),
        "jobGroup": several(group),
        "limit": limit,
        "cursor": cursor,
    }
    return Call(path=("promises",), kind=Page[models.JobPromise], query=query)


def mute_notices(
    *,
    reason: str,
    job: str | None = None,
    group: str | None = None,
    label: str | None = None,
    everything: bool = False,
    for_: float | str | None = None,
    until: str | None = None,
    key: str | None = None,
) -> Call[models.Mute]:
    """Send nothing about a job, a group, a label (`name=value`) or everything; for so long (seconds) or until then."""
    body = {"jobId": None if job is None else Named(job), "group": group, "label": label, "all": everything or None}
    body |= {"for": for_, "until": until, "reason": reason}
    return Call(method="POST", path=("notices", "mutes"), kind=models.Mute, body=body, keyed=True, key=key)


def unmute_notices(mute_id: str, *, reason: str | None = None) -> Call[None]:
    return Call(method="DELETE", path=("notices", "mutes", mute_id), kind=type(None), query={"reason": reason})


def list_mutes(
    *, over: bool = False, job: str | None = None, limit: int | None = None, cursor: str | None = None
) -> Call[Page[models.Mute]]:
    """Mutes that are in force, newest first; `over`: also those that are not any more; `job`: that concern it."""
    query = {"all": "true" if over else None, "jobId": None if job is None else Named(job)}
    query |= {"limit": limit, "cursor": cursor}
    return Call(path=("notices", "mutes"), kind=Page[models.Mute], query=query)


def list_queues(*, executor: str | Iterable[str] | None = None) -> Call[Page[models.Queue]]:
    """What queues hold; `executor`: of runs of these executors alone, each by its key or an alias."""
    return Call(path=("queues",), query={"executor": several(executor)}, kind=Page[models.Queue])


def pause_queue(name: str, *, reason: str | None = None, key: str | None = None) -> Call[models.QueueState]:
    path = ("queues", name, "pause")
    return Call(method="POST", path=path, kind=models.QueueState, body={"reason": reason}, keyed=True, key=key)


def resume_queue(name: str, *, reason: str | None = None, key: str | None = None) -> Call[models.QueueState]:
    path = ("queues", name, "resume")
    return Call(method="POST", path=path, kind=models.QueueState, body={"reason": reason}, keyed=True, key=key)


def get_me() -> Call[models.Me]:
    """Who the API takes us for, and what we may do."""
    return Call(path=("me",), kind=models.Me)


def list_workers(*, limit: int | None = None, cursor: str | None = None) -> Call[Page[models.Worker]]:
    return Call(path=("workers",), kind=Page[models.Worker], query={"limit": limit, "cursor": cursor})


def drain_worker(worker: str, *, reason: str | None = None) -> Call[Page[models.Worker]]:
    """Ask a worker, by its name or its id, to take no more runs and to leave; answers whom that asked."""
    return Call(method="POST", path=("workers", worker, "drain"), kind=Page[models.Worker], body={"reason": reason})


def list_executors(*, cursor: str | None = None) -> Call[Page[models.Executor]]:
    return Call(path=("executors",), kind=Page[models.Executor], query={"cursor": cursor})


def job_events(job: str, *, after: str | None = None) -> Stream:
    """From the first event of its live run, else from now; it does not end."""
    return Stream(subject="job", path=("jobs", Named(job), "logs", "stream"), after=after)


def run_events(run_id: str, *, after: str | None = None) -> Stream:
    """From the run's first event to its `end`."""
    return Stream(subject="run", path=("runs", run_id, "logs", "stream"), after=after)


def all_events(
    *, kind: str | Iterable[str] | None = None, job: str | Iterable[str] | None = None, after: str | None = None
) -> Stream:
    """Of all jobs or some, from now; it does not end. `kind`: `run.failed`, or what stands before its dot."""
    query = {"type": several(kind), "jobId": _named(job)}
    return Stream(subject="all", path=("events", "stream"), query=query, after=after)


def pulse() -> Stream:
    """How the installation is, at once, and then what changes; it does not end, and has no places to go on from."""
    return Stream(subject="all", path=("pulse", "stream"))


def _code(status: str | None) -> str | None:
    """As an API of an earlier release reads it, too; what is none goes as it is, to be refused."""
    return code_of(STATUS, status) or status


def _named(jobs: str | Iterable[str] | None) -> list[Named] | None:
    found = several(jobs)
    return None if found is None else [Named(each) for each in found]
