"""`waterclock events` and `tail`: what has happened and who did it, and what happens."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import click

from waterclock.cli.options.arguments import JOB, RUN, since, times, until
from waterclock.cli.render.follow import Lines, leave_with, watch
from waterclock.cli.render.jobs import events as told
from waterclock.cli.run_names import Subjects, named_run, run_id_of
from waterclock.cli.tables import Part
from waterclock.cli.terminal import cursor_option, json_option, limit_option, show, speaking
from waterclock.client import endpoints
from waterclock.client.http import Client
from waterclock.client.models import History


@click.command(short_help="List events, newest first.")
@click.option(
    "--type",
    "kinds",
    metavar="TYPE",
    multiple=True,
    help="Event type such as queue.paused, or the part before the dot; repeatable.",
)
@click.option("--job", metavar="JOB", type=JOB, help="Events of this job, group/name or id.")
@click.option(
    "--run",
    "run_id",
    metavar="RUN",
    type=RUN,
    help="Events of this run: its id, or group/name for the last run of a job.",
)
@click.option("--actor", metavar="NAME", help="Events caused by this actor, with or without its address.")
@since("At or after this time.")
@until("At or before this time.")
@limit_option
@cursor_option
@json_option
@times
@speaking
def events(
    client: Client,
    kinds: tuple[str, ...],
    job: str | None,
    run_id: str | None,
    actor: str | None,
    from_: str | None,
    to: str | None,
    limit: int,
    cursor: str | None,
    *,
    as_json: bool,
) -> None:
    """List events, newest first: changes of jobs, queues and workers, decisions, runs."""
    call = endpoints.list_events(
        kind=kinds or None,
        job=job,
        run_id=None if run_id is None else run_id_of(client, run_id),
        actor=actor,
        from_=from_,
        to=to,
        limit=limit,
        cursor=cursor,
    )
    subjects = Subjects(client)

    def lines(page: History) -> Iterator[Part]:
        return told(page, of=subjects.of)

    show(client, call, lines, as_json=as_json)


@click.command(short_help="Follow events as they happen.")
@click.argument("job", metavar="[JOB]", type=JOB, required=False)
@click.option(
    "--run",
    "run_id",
    metavar="RUN",
    type=RUN,
    help="Follow this run until it ends: its id, or group/name for the last run of a job.",
)
@click.option("--after", metavar="POSITION", help="Start after this event; 0: from the oldest that is kept.")
@click.option(
    "--type",
    "kinds",
    metavar="TYPE",
    multiple=True,
    help="Event type such as run.failed, or the part before the dot; repeatable.",
)
@click.option("--json", "as_json", is_flag=True, help="One event a line, as JSON.")
@times
@speaking
def tail(
    client: Client, job: str | None, run_id: str | None, after: str | None, kinds: tuple[str, ...], *, as_json: bool
) -> None:
    """Follow events until Ctrl-C: of JOB (group/name or id), of one run, or all."""
    if job is not None and run_id is not None:
        raise click.UsageError("give a job or --run, not both")
    if kinds and (job or run_id):
        raise click.UsageError("--type cannot be combined with a job or --run")
    if run_id is not None:
        with named_run(client, run_id, aloud=True) as found:
            leave_with(watch(client, endpoints.run_events(found, after=after), Lines(as_json=as_json).write))
        return
    if job is not None:
        watch(client, endpoints.job_events(job, after=after), Lines(of=_run, as_json=as_json).write)
        return
    stream = endpoints.all_events(kind=kinds or None, after=after)
    watch(client, stream, Lines(of=Subjects(client).of, as_json=as_json).write)


def _run(data: Mapping[str, Any]) -> str:
    return str(data.get("runId") or data.get("jobId") or "-")
