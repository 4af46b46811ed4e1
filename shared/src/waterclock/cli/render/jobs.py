"""Jobs in lines."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from waterclock.cli.job_files import default_of
from waterclock.cli.options.moments import retold, shown
from waterclock.cli.render.events import words
from waterclock.cli.render.runs import rows
from waterclock.cli.tables import Part, facts, table
from waterclock.cli.terminal import more
from waterclock.client.models import Detail, History, Job, Page
from waterclock.model.definition import Definition
from waterclock.model.instants.reasons import length
from waterclock.model.promise import Promise
from waterclock.model.words import worded

_DEFAULTS = {field.encode_name: field for field in msgspec.structs.fields(Definition)}
_SHOWN = frozenset({"jobName", "jobGroup", "invokeTarget", "invokeParams", "cronExpression", "timezone", "status"})
_IN_FORCE = frozenset({"timeout", "retry"})
"""Told by what is in force, with whose it is, where the API tells that."""
_LAST_RUNS = 5


def listed(page: Page[Job]) -> Iterator[Part]:
    if not page.items:
        yield "No jobs found."
        return
    yield table(
        ("job", "status", "executes", "schedule", "next run", "last run", "last success", "queue", "id"),
        [
            (
                named(one),
                status(one),
                one.invoke_target,
                schedule(one),
                shown(one.next_fire_at),
                _last_run(one),
                shown(one.last_success_at, exact=False),
                one.queue,
                one.id,
            )
            for one in page.items
        ],
        wraps={"job", "schedule", "last run"},
        spare=("id", "queue", "executes", "schedule", "status"),
    )
    yield from more(page)


def _last_run(one: Job) -> str | None:
    if one.last_run is None:
        return None
    last, wait = one.last_run, one.last_run.waits_for
    if wait is not None:
        return f"{last.status} (no worker has {wait.executor})"
    return f"{last.status} {shown(last.finished_at or last.started_at or last.requested_at, exact=False)}"


def changed(one: Job) -> Iterator[Part]:
    """A job as it is now, and what is to be known of it."""
    yield facts(
        {
            "job": named(one),
            "id": one.id,
            "version": one.version,
            "status": status(one),
            "executes": one.invoke_target,
            "parameters": one.invoke_params or None,
            "schedule": schedule(one),
            "next run": shown(one.next_fire_at),
            **{name: value for name, value in special(one).items() if one.in_force is None or name not in _IN_FORCE},
            **bounds(one),
            "last run": _last_run(one),
            "last success": shown(one.last_success_at, exact=True),
            "created": shown(one.created_at, exact=True),
            "changed": shown(one.updated_at, exact=True),
        }
    )
    if one.notes:
        yield ""
        yield "notes"
        yield from (f"  {' '.join(filter(None, (note.pointer, retold(note.message))))}" for note in one.notes)


def detail(found: Detail) -> Iterator[Part]:
    """A job with its next instants and its last runs."""
    yield from changed(found.job)
    if found.next_fires:
        yield ""
        yield "next instants"
        yield from (f"  {shown(instant)}" for instant in found.next_fires)
    if found.runs:
        yield ""
        yield from rows(found.runs[:_LAST_RUNS])


def events(page: History, *, of: Callable[[dict[str, Any]], str] | None = None) -> Iterator[Part]:
    """Events in lines; `of` says whose each is, where they are not all of one job."""
    if page.items:
        heads = ("at", "event", "by", "what") if of is None else ("at", "event", "of", "by", "what")
        yield table(heads, [_happened(one, of) for one in page.items], wraps={"what", "of"}, spare=("by",))
    elif page.next_cursor is None:
        yield "No events found."
    yield from more(page)


def _happened(one: dict[str, Any], of: Callable[[dict[str, Any]], str] | None) -> tuple[str | None, ...]:
    at, kind, actor = shown(_text(one, "at"), exact=False), _text(one, "type"), _text(one, "actor")
    if of is None:
        return at, kind, actor, _what(one, about=_text(one, "runId"))
    return at, kind, of(one), actor, _what(one)


def named(one: Definition) -> str:
    return f"{one.job_group}/{one.job_name}"


def status(one: Definition) -> str:
    return "enabled" if one.enabled else "disabled"


def schedule(one: Definition) -> str | None:
    if one.cron_expression is None:
        return None
    return one.cron_expression if one.timezone == "UTC" else f"{one.cron_expression} ({one.timezone})"


def special(one: Definition) -> dict[str, Any]:
    """The members that are not at their defaults, beside those that are shown in any case."""
    found: dict[str, Any] = {}
    for name, field in _DEFAULTS.items():
        value = getattr(one, field.name)
        if name not in _SHOWN and value is not None and value != default_of(field):
            found[name] = promised(value) if name == "promise" else worded(name, msgspec.to_builtins(value))
    return found


def promised(one: Promise) -> str:
    """What a job promises, in words."""
    failures = None if one.disable_after is None else f"{one.disable_after} failed run{'s' * (one.disable_after != 1)}"
    parts = (
        ("starts within {}", _length(one.start_within)),
        ("ends within {}", _length(one.finish_within)),
        ("ends by {}", one.finish_by),
        ("an attempt takes {} at most", _length(one.runs_at_most)),
        ("succeeds every {}", _length(one.success_within)),
        ("disabled after {} in a row", failures),
    )
    return ", ".join(said.format(value) for said, value in parts if value is not None)


def _length(seconds: float | None) -> str | None:
    return None if seconds is None else length(round(seconds * 1000))


def bounds(one: Job) -> dict[str, str]:
    """What is in force where the job does not say it itself, and whose it is."""
    found = one.in_force
    if found is None:
        return {}
    retry = found.retry
    spacing = f"{retry.initial:g} s" if retry.backoff == "fixed" else f"{retry.initial:g} s to {retry.max:g} s"
    tries = "1 attempt" if retry.max_attempts == 1 else f"{retry.max_attempts} attempts, {retry.backoff}, {spacing}"
    told = {"retries in force": f"{tries} ({found.retry_from})"}
    if found.timeout is None:
        return {"timeout in force": "unknown: no worker has announced the executor", **told}
    timeout = "none" if found.timeout == 0 else f"{found.timeout:g} s"
    return {"timeout in force": f"{timeout} ({found.timeout_from})", **told}


def _text(event: dict[str, Any], name: str) -> str | None:
    value = event.get(name)
    return None if value is None else str(value)


def _what(event: dict[str, Any], about: str | None = None) -> str | None:
    kind = str(event.get("type"))
    said = next(iter(words(kind, event)), kind).strip()
    return "  ".join(part for part in (about, "" if said == kind else said) if part) or None
