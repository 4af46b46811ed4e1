"""`waterclock run list`, `show`, `logs` and `follow`: what was executed, and how it went."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from itertools import islice

import click
import msgspec

from waterclock.cli.options.arguments import EXECUTOR, JOB, QUEUE, run_argument, since, times, until
from waterclock.cli.options.moments import shown
from waterclock.cli.output import say
from waterclock.cli.render.follow import follow_run
from waterclock.cli.render.jobs import events
from waterclock.cli.render.runs import told, whole
from waterclock.cli.run_names import named_run
from waterclock.cli.tables import Part
from waterclock.cli.terminal import cursor_option, json_option, limit_option, show, show_pages, speaking
from waterclock.client import endpoints
from waterclock.client.errors import BadRequest, Refused
from waterclock.client.http import Client
from waterclock.client.models import Lines, LogLine, Run
from waterclock.client.request import Call

UNFINISHED = ("delayed", "waiting", "queued", "running")
ENDED = ("succeeded", "failed", "timedOut", "cancelled", "died")
STATUSES = (*UNFINISHED, *ENDED)
LINES = 1000  # in a request
TRIGGERS = ("schedule", "catchup", "backfill", "manual", "retry")
LEVELS = ("debug", "info", "warning", "error")


@click.command("list")
@click.option("--job", metavar="JOB", type=JOB, multiple=True, help="Runs of this job, group/name or id; repeatable.")
@click.option("--queue", type=QUEUE, multiple=True, help="Runs of this queue; repeatable.")
@click.option("--status", type=click.Choice(STATUSES), multiple=True, help="Runs with this status; repeatable.")
@click.option("--trigger", type=click.Choice(TRIGGERS), multiple=True, help="Runs with this trigger; repeatable.")
@click.option("--executor", type=EXECUTOR, multiple=True, help="Runs of this executor; repeatable.")
@click.option(
    "--label",
    metavar="KEY[=VALUE]",
    multiple=True,
    help="Runs with this label, key or key=value; repeatable: all must match.",
)
@since("Requested at or after this time.")
@until("Requested at or before this time.")
@click.option("--search", metavar="TEXT", help="Part of an id, name, executor, reason or error.")
@limit_option
@cursor_option
@json_option
@times
@speaking
def list_(
    client: Client,
    job: tuple[str, ...],
    queue: tuple[str, ...],
    status: tuple[str, ...],
    trigger: tuple[str, ...],
    executor: tuple[str, ...],
    label: tuple[str, ...],
    from_: str | None,
    to: str | None,
    search: str | None,
    limit: int,
    cursor: str | None,
    *,
    as_json: bool,
) -> None:
    """List runs, newest first."""
    call = endpoints.list_runs(
        job=job or None,
        queue=queue or None,
        status=status or None,
        trigger=trigger or None,
        target=executor or None,
        label=label or None,
        from_=from_,
        to=to,
        q=search,
        limit=limit,
        cursor=cursor,
    )
    show(client, call, told, as_json=as_json)


@click.command("show", short_help="Show a run with its attempts and steps.")
@run_argument
@click.option(
    "--all", "every", is_flag=True, help="Show steps and tracebacks of every attempt; by default of the last."
)
@json_option
@times
@speaking
def show_(client: Client, run_id: str, *, every: bool, as_json: bool) -> None:
    """Show a run with its attempts and steps. RUN is an id, or group/name for the last run of a job."""

    def lines(run: Run) -> Iterator[Part]:
        return whole(run, every=every, paused=run.status == "queued" and _is_paused(client, run.queue))

    with named_run(client, run_id) as found:
        try:
            show(client, endpoints.get_run(found, steps="all" if every else None), lines, as_json=as_json)
        except BadRequest as error:
            if not every or _is_known("?steps", error):
                raise
            show(client, endpoints.get_run(found), lines, as_json=as_json)


def _is_paused(client: Client, queue: str) -> bool:
    """Whether nothing starts from it; False too where this caller may not ask."""
    try:
        return any(one.paused for one in client.send(endpoints.list_queues()).items if one.name == queue)
    except Refused:
        return False


@click.command(short_help="Print the log lines of a run, oldest first.")
@run_argument
@click.option("--follow", is_flag=True, help="Follow until the run ends; exit code 1 if it does not succeed.")
@click.option("--attempt", type=click.IntRange(0), help="Lines of this attempt; the first is 1.")
@click.option("--level", type=click.Choice(LEVELS), multiple=True, help="Lines of this level; repeatable.")
@click.option("--tail", metavar="N", type=click.IntRange(1), help="Only the last N lines.")
@json_option
@times
@speaking
def logs(
    client: Client,
    run_id: str,
    attempt: int | None,
    level: tuple[str, ...],
    tail: int | None,
    *,
    follow: bool,
    as_json: bool,
) -> None:
    """Print the log lines of a run, oldest first. With --json one page of the API's response a line.

    RUN is an id, or group/name for the last run of a job.
    """
    if follow and (attempt is not None or level or tail is not None):
        raise click.UsageError("--follow cannot be combined with --attempt, --level or --tail")
    if as_json and tail is not None:
        raise click.UsageError("--json prints the API's pages, oldest first: leave out --tail")
    with named_run(client, run_id, aloud=True) as found:
        if follow:
            follow_run(client, found, as_json=as_json)
            return
        call = endpoints.run_lines(found, attempt=attempt, level=level or None, limit=LINES)
        if as_json:
            show_pages(client, call)
            return
        wanted = client.each(call) if tail is None else _last(client, call, tail)
        say(f"{shown(line.at, exact=True)}  {line.level:<7}  {line.text}" for line in wanted)


def _last(client: Client, call: Call[Lines], count: int) -> Iterable[LogLine]:
    """The last lines, oldest first; of an API of an earlier release, which knows one order, all are read for that."""
    query = {**call.query, "order": "newest", "limit": min(count, LINES)}
    try:
        return reversed([*islice(client.each(msgspec.structs.replace(call, query=query)), count)])
    except BadRequest as error:
        if _is_known("?order", error):
            raise
        return deque(client.each(call), count)


def _is_known(parameter: str, error: BadRequest) -> bool:
    """Whether something else is wrong than a parameter, which an API of an earlier release does not know."""
    return all(flaw.pointer != parameter for flaw in error.errors)


@click.command(short_help="List what happened to a run, newest first.")
@run_argument
@click.option("--type", "kinds", metavar="TYPE", multiple=True, help="Event type such as step.log; repeatable.")
@limit_option
@cursor_option
@json_option
@times
@speaking
def history(
    client: Client, run_id: str, kinds: tuple[str, ...], limit: int, cursor: str | None, *, as_json: bool
) -> None:
    """List what happened to a run, newest first. RUN is an id, or group/name for the last run of a job."""
    with named_run(client, run_id) as found:
        call = endpoints.run_history(found, kind=kinds or None, limit=limit, cursor=cursor)
        show(client, call, events, as_json=as_json)


@click.command(short_help="Follow a run from its first event until it ends.")
@run_argument
@json_option
@times
@speaking
def follow(client: Client, run_id: str, *, as_json: bool) -> None:
    """Follow a run from its first event until it ends; exit code 1 if it does not succeed.

    RUN is an id, or group/name for the last run of a job.
    """
    with named_run(client, run_id, aloud=True) as found:
        follow_run(client, found, as_json=as_json)
