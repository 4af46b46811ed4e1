"""What the verbs of runs print."""

from __future__ import annotations

from collections.abc import Iterator

from waterclock.cli.options.moments import shown
from waterclock.cli.render.events import took
from waterclock.cli.tables import Part, facts, table
from waterclock.cli.terminal import more
from waterclock.client.models import Run, Runs
from waterclock.model.outcomes import Error


def told(page: Runs) -> Iterator[Part]:
    if not page.items:
        yield "No runs found."
        return
    yield from rows(page.items)
    yield from more(page)


def rows(runs: tuple[Run, ...]) -> Iterator[Part]:
    """A run a line; what runs wait for is a column only where one of them does."""
    heads = ("run", "job", "trigger", "status", "requested", "took", "attempt", "worker")
    waiting = any(one.waits_for is not None for one in runs)
    yield table(
        (*heads, "waits for") if waiting else heads,
        [
            (
                one.id,
                one.named,
                one.trigger,
                one.status,
                shown(one.requested_at, exact=False),
                took(one.duration_ms),
                str(one.attempt or ""),  # `max_attempts` bounds failures alone
                one.worker,
                *((None if one.waits_for is None else f"a worker with {one.waits_for.executor}",) if waiting else ()),
            )
            for one in runs
        ],
        wraps={"job", "waits for"},
        spare=("worker", "attempt", "trigger", "took"),
    )


def awaited(one: Run) -> str | None:
    """What a run waits for that no live worker can take."""
    if one.waits_for is None:
        return None
    return f"a worker of queue {one.queue} with {one.waits_for.executor}, since {shown(one.waits_for.since)}"


def whole(one: Run, *, every: bool = False, paused: bool = False) -> Iterator[Part]:
    """A run, its attempts and steps, and the traceback of its last attempt, or of `every` one; `paused` is its queue.

    Its times are in their order: of several attempts `ready`, `started` and `finished` are those of the last.
    """
    last = one.attempts[-1] if len(one.attempts) > 1 else None
    error = None if one.error is None else f"{one.error.type}: {one.error.message}"
    unreadable = None
    if one.unreadable is not None:
        unreadable = f"the outcome, at {one.unreadable.position}, is unreadable: {one.unreadable.reason}"
    yield facts(
        {
            "run": one.id,
            "job": one.named,
            "executes": one.invoke_target,
            "trigger": one.trigger,
            "status": one.status,
            "queue": f"{one.queue} (paused)" if paused else one.queue,
            "scheduled": shown(one.nominal_at),
            "requested": shown(one.requested_at, exact=True),
            "first started": None if last is None else shown(one.started_at, exact=True),
            "ready": shown(one.ready_at, exact=True),
            "started": shown(one.started_at if last is None else last.started_at, exact=True),
            "finished": shown(one.finished_at, exact=True),
            "took": took(one.duration_ms),
            "waits behind": one.waiting_on,
            "waits for": awaited(one),
            "retry of": one.retry_of,
            "trace": one.trace_id,
            "reason": one.reason,
            "cancelled because": one.cancel_reason,
            "parameters": one.params or None,
            "result": one.result,
            "error": error,
            "unreadable": unreadable,
        }
    )
    yield from _attempts(one)
    yield from _tracebacks(one, every=every)
    yield from _steps(one)


def _attempts(one: Run) -> Iterator[Part]:
    if one.attempts:
        yield ""
        yield table(
            ("attempt", "worker", "started", "finished", "outcome", "error"),
            [
                (
                    str(each.number),
                    each.worker,
                    shown(each.started_at),
                    shown(each.finished_at),
                    each.outcome,
                    None if each.error is None else _brief(each.error),
                )
                for each in one.attempts
            ],
            wraps={"error"},
            spare=("finished", "worker"),
        )


def _steps(one: Run) -> Iterator[Part]:
    if one.steps:
        yield ""
        several = len({each.attempt for each in one.steps}) > 1
        heads = ("step", "name", "status", "started", "finished")
        yield table(
            ("attempt", *heads) if several else heads,
            [
                (
                    *((str(each.attempt),) if several else ()),
                    *(str(each.number), each.name, each.status, shown(each.started_at), shown(each.finished_at)),
                )
                for each in one.steps
            ],
            wraps={"name"},
            spare=("finished",),
        )


def _brief(error: Error) -> str:
    return f"{error.type}: {error.message.partition(chr(10))[0]}"


def _tracebacks(one: Run, *, every: bool) -> Iterator[Part]:
    """Those of the attempts, or of the run itself, where an earlier release stored none with them."""
    errors = [(each.number, each.error) for each in (one.attempts if every else one.attempts[-1:])]
    if not any(error is not None and error.traceback for _, error in errors):
        errors = [(one.attempt, one.error)]
    for number, error in errors:
        if error is not None and error.traceback:
            yield ""
            yield f"traceback of attempt {number}"
            yield from (f"  {line}" for line in error.traceback.rstrip().splitlines())
