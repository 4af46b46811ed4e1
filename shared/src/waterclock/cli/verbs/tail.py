"""`waterclock tail`: what happens, as it happens."""

from __future__ import annotations

import click

from waterclock.cli.render.follow import Lines, leave_with, watch
from waterclock.cli.terminal import JOB, speaking, times
from waterclock.client import endpoints
from waterclock.client.http import Client


@click.command(short_help="Follow events as they happen.")
@click.argument("job", metavar="[JOB]", type=JOB, required=False)
@click.option("--run", "run_id", metavar="RUN", help="Events of a run, from its first to its end.")
@click.option("--after", metavar="POSITION", help="Go on after this event; 0: from the oldest kept.")
@click.option("--type", "kinds", metavar="TYPE", multiple=True, help="Of everything: run.failed, or before its dot.")
@click.option("--json", "as_json", is_flag=True, help="One event a line, as JSON.")
@times
@speaking
def tail(
    client: Client, job: str | None, run_id: str | None, after: str | None, kinds: tuple[str, ...], *, as_json: bool
) -> None:
    """Follow the events of JOB (group/name or id), of one run, or of everything, until Ctrl-C."""
    if job is not None and run_id is not None:
        raise click.UsageError("give a job or --run, not both")
    if kinds and (job or run_id):
        raise click.UsageError("--type is for the events of everything")
    if run_id is not None:
        leave_with(watch(client, endpoints.run_events(run_id, after=after), Lines(as_json=as_json).write))
        return
    stream = (
        endpoints.all_events(kind=kinds or None, after=after) if job is None else endpoints.job_events(job, after=after)
    )
    watch(client, stream, Lines(whose=True, as_json=as_json).write)
